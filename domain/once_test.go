package domain_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/rule"
)

// Each command, called twice with one key: the second call finds what the first one did.
func TestOnceIsOnce(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t, domain.Config{}), t.Context()
	organisationID := f.organisation(t, alice)
	contactID := f.contact(t, alice, organisationID)
	due := domain.UpdateInvoice{DueDate: day("2021-02-28"), LineItems: draft("", "").LineItems}
	paid, voided := f.invoice(t, alice), f.invoice(t, alice)
	for _, test := range []struct {
		key  string
		call func(domain.Option) (domain.Result, error)
	}{
		{"create", func(o domain.Option) (domain.Result, error) { return f.organisations.Create(ctx, alice, "New", o) }},
		{"rename", func(o domain.Option) (domain.Result, error) {
			return f.organisations.Rename(ctx, alice, organisationID, "Apex", o)
		}},
		{"create a contact", func(o domain.Option) (domain.Result, error) {
			return f.contacts.Create(ctx, alice, organisationID, leonie(), o)
		}},
		{"update a contact", func(o domain.Option) (domain.Result, error) {
			return f.contacts.Update(ctx, alice, contactID, leonie(), o)
		}},
		{"draft", func(o domain.Option) (domain.Result, error) {
			return f.invoices.Draft(ctx, alice, draft(organisationID, contactID), o)
		}},
		{"update", func(o domain.Option) (domain.Result, error) { return f.invoices.Update(ctx, alice, paid, due, o) }},
		{"issue", func(o domain.Option) (domain.Result, error) { return f.invoices.Issue(ctx, alice, paid, o) }},
		{"issue", func(o domain.Option) (domain.Result, error) { return f.invoices.Approve(ctx, alice, paid, o) }},
		{"pay", func(o domain.Option) (domain.Result, error) { return f.invoices.Pay(ctx, alice, paid, o) }},
		{"void", func(o domain.Option) (domain.Result, error) { return f.invoices.Void(ctx, alice, voided, o) }},
		{"delete", func(o domain.Option) (domain.Result, error) { return f.invoices.Delete(ctx, alice, paid, o) }},
		{"delete a contact", func(o domain.Option) (domain.Result, error) { return f.contacts.Delete(ctx, alice, contactID, o) }},
		{"delete an organisation", func(o domain.Option) (domain.Result, error) {
			return f.organisations.Delete(ctx, alice, organisationID, o)
		}},
	} {
		first, err := test.call(domain.Once(test.key))
		require.NoError(t, err, test.key)
		before := f.memory.events()
		again, err := test.call(domain.Once(test.key))
		require.NoError(t, err, test.key)
		require.True(t, again.Repeated)
		require.Equal(t, first.ID, again.ID)
		require.Equal(t, first.Version, again.Version)
		require.Equal(t, first.Events[0].ID, again.Events[0].ID)
		require.Len(t, again.Events, len(first.Events))
		require.Equal(t, before, f.memory.events(), test.key)
	}
}

func TestAKeyIsForOneCommand(t *testing.T) {
	t.Parallel()
	f, ctx, once := newFixture(t, domain.Config{}), t.Context(), domain.Once("k")
	organisationID := f.organisation(t, alice)
	contactID := f.contact(t, alice, organisationID)
	drafted, err := f.invoices.Draft(ctx, alice, draft(organisationID, contactID), once)
	require.NoError(t, err)
	other := draft(organisationID, contactID)
	other.LineItems[0].Quantity++
	before := f.memory.events()
	for name, call := range map[string]func() (domain.Result, error){
		"arguments": func() (domain.Result, error) { return f.invoices.Draft(ctx, alice, other, once) },
		"reference": func() (domain.Result, error) {
			return f.invoices.Draft(ctx, alice, draft(organisationID, contactID), once, domain.WithReference("r"))
		},
		"command":   func() (domain.Result, error) { return f.invoices.Issue(ctx, alice, drafted.ID, once) },
		"aggregate": func() (domain.Result, error) { return f.organisations.Create(ctx, alice, "Acme", once) },
		"id":        func() (domain.Result, error) { return f.organisations.Delete(ctx, alice, absent, once) },
	} {
		_, err := call()
		require.ErrorIs(t, err, domain.ErrKeyReused, name)
		require.ErrorIs(t, err, rule.ErrInvalid, name)
		require.ErrorContains(t, err, "idempotency_key ", name)
	}
	require.Equal(t, before, f.memory.events())

	_, err = f.organisations.Create(ctx, mary, "Acme", once)
	require.NoError(t, err, "another tenant's keys are its own")
}

// What took no effect may be tried again with the same key, and with another command.
func TestARefusalIsNotKept(t *testing.T) {
	t.Parallel()
	f, ctx, once := newFixture(t, domain.Config{}), t.Context(), domain.Once("k")
	id := f.invoice(t, alice)
	_, err := f.invoices.Pay(ctx, alice, id, once)
	require.ErrorAs(t, err, new(*invoice.TransitionError))
	_, err = f.invoices.Issue(ctx, alice, id)
	require.NoError(t, err)
	paid, err := f.invoices.Pay(ctx, alice, id, once)
	require.NoError(t, err)
	require.False(t, paid.Repeated)
}

// The very command with the very key was faster: its effect stands in the way, and is what the slower one is answered with.
func TestTheSlowerOfTwoIsAnswered(t *testing.T) {
	t.Parallel()
	once, reference := domain.Once("k"), domain.WithReference("r")
	for name, call := range map[string]func(context.Context, *fixture, string) (domain.Result, error){
		"a new stream": func(ctx context.Context, f *fixture, _ string) (domain.Result, error) {
			return f.organisations.Create(ctx, alice, "Acme", once)
		},
		"a reference": func(ctx context.Context, f *fixture, _ string) (domain.Result, error) {
			return f.organisations.Create(ctx, alice, "Acme", once, reference)
		},
		"a stream": func(ctx context.Context, f *fixture, id string) (domain.Result, error) {
			return f.invoices.Issue(ctx, alice, id, once)
		},
		"a version": func(ctx context.Context, f *fixture, id string) (domain.Result, error) {
			return f.invoices.Issue(ctx, alice, id, once, domain.IfVersion(1))
		},
		"the last attempt": func(ctx context.Context, f *fixture, id string) (domain.Result, error) {
			return f.invoices.Delete(ctx, alice, id, once)
		},
	} {
		f := newFixture(t, domain.Config{Attempts: 2})
		id := f.invoice(t, alice)
		var faster domain.Result
		f.memory.onAnswered = func() {
			f.memory.onAnswered = nil
			var err error
			faster, err = call(t.Context(), f, id)
			require.NoError(t, err, name)
		}
		slower, err := call(t.Context(), f, id)
		require.NoError(t, err, name)
		require.False(t, faster.Repeated, name)
		require.True(t, slower.Repeated, name)
		require.Equal(t, faster.Events[0].ID, slower.Events[0].ID, name)
	}
}

func TestARepeatIsAnsweredBeforeTheVersionIsLookedAt(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t, domain.Config{}), t.Context()
	id := f.invoice(t, alice)
	issued, err := f.invoices.Issue(ctx, alice, id, domain.Once("k"), domain.IfVersion(1))
	require.NoError(t, err)
	require.Equal(t, int64(2), issued.Version)
	_, err = f.invoices.Pay(ctx, alice, id)
	require.NoError(t, err)
	for _, options := range [][]domain.Option{{domain.IfVersion(1)}, {domain.IfVersion(7)}, {}} {
		again, err := f.invoices.Issue(ctx, alice, id, append(options, domain.Once("k"))...)
		require.NoError(t, err)
		require.Equal(t, int64(2), again.Version, "as it was right after the command")
		require.Equal(t, "InvoiceIssued", again.Events[0].Type)
		require.Len(t, again.Events, 1)
	}
}

func TestKeysAreChecked(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t, domain.Config{}), t.Context()
	for _, key := range []string{"", strings.Repeat("x", 256), "ä", "a\nb", "\x7f", "a\x00"} {
		_, err := f.organisations.Create(ctx, alice, "Acme", domain.Once(key))
		require.ErrorIs(t, err, domain.ErrKey, key)
		require.ErrorIs(t, err, rule.ErrInvalid, key)
	}
	require.Zero(t, f.memory.transactions)
	for _, key := range []string{"x", strings.Repeat("x", 255), ` !"~`} {
		_, err := f.organisations.Create(ctx, alice, "Acme", domain.Once(key))
		require.NoError(t, err, key)
	}
}

// The client did not hear the answer: the transaction was committed, and then the connection was lost.
func TestAnAnswerThatWasLost(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t, domain.Config{}), t.Context()
	f.memory.afterCommit = func() error { return context.DeadlineExceeded }
	_, err := f.organisations.Create(ctx, alice, "Acme", domain.Once("k"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	f.memory.afterCommit = nil
	created, err := f.organisations.Create(ctx, alice, "Acme", domain.Once("k"))
	require.NoError(t, err)
	require.True(t, created.Repeated)
	require.Equal(t, []string{"OrganisationCreated"}, f.memory.types(contrail.NewStreamID("organisation", created.ID)))
	require.Equal(t, 1, f.memory.events())
}
