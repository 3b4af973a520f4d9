package invoicing_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/rule"
	"github.com/contrail-events/contrail/internal/invoicing"
)

func servicesNow(t *testing.T, pool *pgxpool.Pool) invoicing.Services {
	t.Helper()
	transactor, err := invoicing.NewTransactor(pool, invoicing.TransactorConfig{})
	require.NoError(t, err)
	services, err := invoicing.NewServices(transactor, time.Now, domain.Config{})
	require.NoError(t, err)
	return services
}

func newLocal(t *testing.T, pool *pgxpool.Pool) *invoicing.Local {
	t.Helper()
	return invoicing.NewLocal(servicesNow(t, pool), actor)
}

// book is the lines of so many invoices.
func book(invoices int) string {
	var text strings.Builder
	for n := range invoices {
		text.WriteString(line(n) + "\n")
	}
	return text.String()
}

// told collects the outcomes of an import.
type told []invoicing.Outcome

func (t told) statuses() string {
	var texts []string
	for _, one := range t {
		texts = append(texts, string(one.Status))
	}
	return strings.Join(texts, " ")
}

func runImport(t *testing.T, service invoicing.Service, text string, config invoicing.ImportConfig) (told, invoicing.ImportSummary, error) {
	t.Helper()
	var all told
	summary, err := invoicing.Import(t.Context(), service, invoicing.Lines(strings.NewReader(text), invoicing.InputConfig{}), config,
		func(one invoicing.Outcome) error {
			all = append(all, one)
			return nil
		})
	return all, summary, err
}

// requireOnce requires that each of so many invoices, and what they need, was made once.
func requireOnce(t *testing.T, pool *pgxpool.Pool, invoices int) {
	t.Helper()
	counts := map[string]int{}
	references := map[string]bool{}
	for _, event := range recorded(t, pool) {
		counts[event.Type]++
		if event.Type == "InvoiceDrafted" {
			references[event.Metadata[rule.KeyReference]] = true
		}
	}
	require.Equal(t, map[string]int{"OrganisationCreated": 3, "ContactCreated": 3, "InvoiceDrafted": invoices}, counts)
	require.Len(t, references, invoices)
}

// A line that is bad does not keep the others from being posted, and what was posted is not posted again.
func TestImport(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	local := newLocal(t, pool)
	text := line(0) + "\n" + strings.Replace(line(1), `"quantity":1}`, `"quantity":0}`, 1) + "\n\n" + line(2) + "\n"
	all, summary, err := runImport(t, local, text, invoicing.ImportConfig{})
	require.NoError(t, err)
	require.Equal(t, "created refused created", all.statuses())
	require.Equal(t, []int{1, 2, 4}, []int{all[0].Line, all[1].Line, all[2].Line})
	require.Equal(t, "i-0", all[0].Reference)
	require.Equal(t, "sub_total", all[1].Field)
	require.Contains(t, all[1].Text(), "sub_total is JPY 510, but the line items add up to JPY 500")
	require.EqualValues(t, len(text), all[2].End)
	require.False(t, summary.OK())
	require.Equal(t, [4]int{3, 2, 1, 0}, [4]int{summary.Lines, summary.Created, summary.Refused, summary.Failed})

	all, summary, err = runImport(t, local, book(6), invoicing.ImportConfig{Clients: 3})
	require.NoError(t, err)
	require.Equal(t, "before created before created created created", all.statuses())
	require.True(t, summary.OK())
	require.Equal(t, [3]int{6, 4, 2}, [3]int{summary.Lines, summary.Created, summary.Before})
	require.Equal(t, invoicing.Created{New: 1, Before: 2}, summary.Organisations)
	require.Equal(t, invoicing.Created{New: 1, Before: 2}, summary.Contacts)
	require.Equal(t, map[string]string{"EUR": "22.80", "JPY": "3030"}, summary.Totals)
	requireOnce(t, pool, 6)

	again, _, err := runImport(t, local, book(6), invoicing.ImportConfig{})
	require.NoError(t, err)
	for n := range again {
		require.Equal(t, invoicing.LineBefore, again[n].Status)
		require.Equal(t, all[n].ID, again[n].ID)
	}
	requireOnce(t, pool, 6)
}

func TestImportOfNothing(t *testing.T) {
	t.Parallel()
	_, summary, err := runImport(t, nil, "\n\n", invoicing.ImportConfig{})
	require.ErrorIs(t, err, invoicing.ErrNoInvoice)
	require.False(t, summary.OK())
	_, _, err = runImport(t, nil, book(1), invoicing.ImportConfig{Clients: -1, Patience: -1, MaxFailed: -1})
	require.ErrorContains(t, err, "ImportConfig.Clients is -1")
	require.ErrorContains(t, err, "ImportConfig.Patience is -1ns")
	require.ErrorContains(t, err, "ImportConfig.MaxFailed is -1")
}

// What is there under a reference must read as the line does, or must have done so when it was made.
func TestImportOfWhatReadsOtherwise(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	local, services := newLocal(t, pool), servicesNow(t, pool)
	all, _, err := runImport(t, local, line(0), invoicing.ImportConfig{})
	require.NoError(t, err)
	for name, test := range map[string]struct{ text, reason string }{
		"name":        {strings.Replace(line(0), "Organisation 0", "Apex", 1), `organisation.name is there already, and reads otherwise: "Organisation 0" there, "Apex" here`},
		"first name":  {strings.Replace(line(0), "Ada", "Eva", 1), `contact.first_name is there already`},
		"due date":    {strings.Replace(line(0), "2026-01-31", "2026-02-01", 1), `due_date is there already, and reads otherwise: "2026-01-31" there, "2026-02-01" here`},
		"description": {strings.Replace(line(0), "Bag", "Box", 1), `line_items[1].description is there already, and reads otherwise: "Bag" there, "Box" here`},
		"amount": {
			strings.NewReplacer(`"0.10"`, `"0.20"`, `"2.60"`, `"2.70"`).Replace(line(0)),
			`line_items[1].unit_amount is there already, and reads otherwise: "EUR 0.10" there, "EUR 0.20" here`,
		},
		"contact":      {strings.Replace(line(0), `"c-1"`, `"c-2"`, 1), `contact is there already, and reads otherwise: invoice "i-0" belongs to another one`},
		"organisation": {strings.Replace(line(0), `"o-0"`, `"o-9"`, 1), `organisation is there already, and reads otherwise: invoice "i-0" belongs to another one`},
	} {
		for _, dry := range []bool{true, false} {
			refused, _, err := runImport(t, local, test.text, invoicing.ImportConfig{DryRun: dry})
			require.NoError(t, err)
			require.Equal(t, "refused", refused.statuses(), name)
			require.Contains(t, refused[0].Text(), test.reason, name)
		}
	}

	ctx := t.Context()
	found, err := services.Invoices.Find(ctx, actor, all[0].ID)
	require.NoError(t, err)
	state := found.State
	_, err = services.Organisations.Rename(ctx, actor, state.OrganisationID, "Apex")
	require.NoError(t, err)
	_, err = services.Contacts.Update(ctx, actor, state.ContactID, contact.Details{FirstName: "Eva", LastName: "Byron", Email: "eva@example.org"})
	require.NoError(t, err)
	due, err := invoice.ParseDate("2026-03-31")
	require.NoError(t, err)
	_, err = services.Invoices.Update(ctx, actor, state.ID, domain.UpdateInvoice{DueDate: due, LineItems: state.LineItems[:1]})
	require.NoError(t, err)
	again, _, err := runImport(t, local, line(0), invoicing.ImportConfig{})
	require.NoError(t, err)
	require.Equal(t, "before", again.statuses(), "it was changed since, which is no business of the import's")
}

// What was deleted is there all the same, and nothing more can be made of it. A dry run knows that as well.
func TestImportOfWhatIsDeleted(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	services := servicesNow(t, pool)
	all, _, err := runImport(t, newLocal(t, pool), book(2), invoicing.ImportConfig{})
	require.NoError(t, err)
	var states [2]invoice.State
	for n, one := range all {
		found, err := services.Invoices.Find(t.Context(), actor, one.ID)
		require.NoError(t, err)
		states[n] = found.State
		_, err = services.Invoices.Delete(t.Context(), actor, one.ID)
		require.NoError(t, err)
	}
	_, err = services.Organisations.Delete(t.Context(), actor, states[0].OrganisationID)
	require.NoError(t, err)
	_, err = services.Contacts.Delete(t.Context(), actor, states[1].ContactID)
	require.NoError(t, err)
	for _, dry := range []bool{true, false} {
		text := book(2) + strings.Replace(line(0), "i-0", "i-10", 1) + "\n" + strings.Replace(line(1), "i-1", "i-11", 1)
		all, _, err = runImport(t, newLocal(t, pool), text, invoicing.ImportConfig{DryRun: dry})
		require.NoError(t, err)
		require.Equal(t, "before before refused refused", all.statuses(), all)
		require.Contains(t, all[2].Text(), "the organisation is deleted")
		require.Contains(t, all[3].Text(), "the contact is deleted")
	}
}

func TestDryImport(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	local := newLocal(t, pool)
	_, _, err := runImport(t, local, book(2), invoicing.ImportConfig{})
	require.NoError(t, err)
	before := len(recorded(t, pool))
	all, summary, err := runImport(t, local, book(4), invoicing.ImportConfig{DryRun: true})
	require.NoError(t, err)
	require.Equal(t, "before before new new", all.statuses())
	require.Empty(t, all[2].ID)
	require.True(t, summary.OK())
	require.Equal(t, invoicing.Created{New: 1, Before: 2}, summary.Organisations)
	require.Equal(t, invoicing.Created{New: 1, Before: 2}, summary.Contacts)
	require.Equal(t, map[string]string{"EUR": "10.20", "JPY": "1520"}, summary.Totals)
	require.Len(t, recorded(t, pool), before)
}

// An invoice says when it was drafted, or it was thirty days before it was due, or it is today.
func TestImportOfAnOldBook(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	now := time.Now()
	later := invoice.DateOf(now.AddDate(1, 0, 0)).String()
	text := strings.Replace(line(0), `"due_date"`, `"drafted_on":"2026-01-17","due_date"`, 1) + "\n" + line(1) + "\n" +
		strings.Replace(line(2), "2026-01-31", later, 1)
	all, _, err := runImport(t, newLocal(t, pool), text, invoicing.ImportConfig{Clock: func() time.Time { return now }})
	require.NoError(t, err)
	require.Equal(t, "created created created", all.statuses())
	for n, want := range []string{"2026-01-17", "2026-01-01", invoice.DateOf(now).String()} {
		found, err := servicesNow(t, pool).Invoices.Find(t.Context(), actor, all[n].ID)
		require.NoError(t, err)
		if n < 2 {
			require.Equal(t, want, found.State.DraftedOn.String())
			continue
		}
		require.Contains(t, []string{want, invoice.DateOf(time.Now()).String()}, found.State.DraftedOn.String(), "midnight may have passed")
	}
}

// Many lines at once want the same organisations and contacts, and two imports the same invoices.
func TestImportsSideBySide(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	const invoices = 60
	var imports sync.WaitGroup
	var created, before atomic.Int64
	for range 2 {
		imports.Go(func() {
			_, summary, err := runImport(t, newLocal(t, pool), book(invoices), invoicing.ImportConfig{Clients: 4})
			if err != nil || !summary.OK() {
				t.Error(err, summary)
			}
			created.Add(int64(summary.Created))
			before.Add(int64(summary.Before))
		})
	}
	imports.Wait()
	requireOnce(t, pool, invoices)
	require.EqualValues(t, invoices, created.Load())
	require.EqualValues(t, invoices, before.Load())
}

// However many lines there are, few are begun before the first ones are told of.
func TestImportHoldsFewLines(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	const clients = 3
	var read atomic.Int64
	lines := func(yield func(invoicing.Invoice, error) bool) {
		for n := range 1000 {
			read.Add(1)
			if !yield(invoicing.Invoice{Line: n + 1}, &invoicing.LineError{Line: n + 1, Reason: "is bad"}) {
				return
			}
		}
	}
	enough := errors.New("enough")
	service := invoicing.NewLocal(invoicing.Services{}, actor)
	summary, err := invoicing.Import(ctx, service, lines, invoicing.ImportConfig{Clients: clients}, func(one invoicing.Outcome) error {
		most := int64(one.Line + 6*clients)
		if one.Line == 10 {
			require.Never(t, func() bool { return read.Load() > most }, 200*time.Millisecond, 10*time.Millisecond)
			return enough
		}
		return nil
	})
	require.ErrorIs(t, err, enough)
	require.Equal(t, 10, summary.Lines)
}

// A contact's reference need be unique in its organisation alone, and whatever is in the two, no two pairs are one.
func TestImportOfContactsWithOneReference(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	var text strings.Builder
	for n, pair := range [][2]string{{"a/b", "c"}, {"a", "b/c"}, {"a%2Fb", "c"}, {"a%2Fb/", "c"}} {
		text.WriteString(strings.NewReplacer(`"i-0"`, fmt.Sprintf(`"i-%d"`, n), `"o-0"`, `"`+pair[0]+`"`, `"c-1"`, `"`+pair[1]+`"`).Replace(line(0)) + "\n")
	}
	_, summary, err := runImport(t, newLocal(t, pool), text.String(), invoicing.ImportConfig{})
	require.NoError(t, err)
	require.True(t, summary.OK())
	require.Equal(t, invoicing.Created{New: 4}, summary.Contacts)
}

// A signal breaks off what was begun, and does not wait for input that does not come.
func TestImportIsInterrupted(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	signal := errors.New("a signal")
	waiting := make(chan struct{})
	t.Cleanup(func() { close(waiting) })
	lines := func(yield func(invoicing.Invoice, error) bool) {
		for read, err := range invoicing.Lines(strings.NewReader(book(5)), invoicing.InputConfig{}) {
			if !yield(read, err) {
				return
			}
		}
		<-waiting
	}
	summary, err := invoicing.Import(ctx, newLocal(t, pool), lines, invoicing.ImportConfig{Clients: 1}, func(one invoicing.Outcome) error {
		if one.Line == 5 {
			cancel(signal)
		}
		return nil
	})
	require.ErrorIs(t, err, signal)
	require.False(t, summary.Complete)
	require.Equal(t, 5, summary.Created)
	_, again, err := runImport(t, newLocal(t, pool), book(8), invoicing.ImportConfig{})
	require.NoError(t, err)
	require.Equal(t, [2]int{3, 5}, [2]int{again.Created, again.Before})
	requireOnce(t, pool, 8)
}

// Those who import for another tenant see nothing of what is there.
func TestImportsOfTwoTenants(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	for _, tenant := range []string{"t1", "t2"} {
		local := invoicing.NewLocal(servicesNow(t, pool), domain.Actor{TenantID: tenant, UserID: "tester"})
		_, summary, err := runImport(t, local, book(3), invoicing.ImportConfig{})
		require.NoError(t, err)
		require.Equal(t, 3, summary.Created)
	}
}

func ExampleImport() {
	text := `{"reference":"a-1","contact":{"reference":"c-1","first_name":"Ada","last_name":"Byron","email":"ada@example.org"},` +
		`"currency_code":"EUR","due_date":"2026-01-31","line_items":[{"description":"Tea","unit_amount":{"amount":"2.50","currency_code":"EUR"},` +
		`"quantity":2}],"sub_total":{"amount":"4.00","currency_code":"EUR"}}`
	lines := invoicing.Lines(strings.NewReader(text), invoicing.InputConfig{})
	local := invoicing.NewLocal(invoicing.Services{}, domain.Actor{TenantID: "t1", UserID: "ada"}) // with services over a database
	summary, err := invoicing.Import(context.Background(), local, lines, invoicing.ImportConfig{}, func(one invoicing.Outcome) error {
		fmt.Printf("line %d was %s: %s\n", one.Line, one.Status, one.Text())
		return nil
	})
	fmt.Println(summary.Refused, err)
	// Output:
	// line 1 was refused: sub_total is EUR 4.00, but the line items add up to EUR 5.00
	// 1 <nil>
}
