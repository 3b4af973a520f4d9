package subscribers_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers"
)

type nameless struct{}

func (nameless) EventType() string { return "not a name" }

func TestHandlersGetTheirTypes(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pool)})
	drafts, issues := make(chan contrail.Delivered[drafted], 1), make(chan contrail.Delivered[issued], 1)
	subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
		drafts <- e
		return nil
	})
	subscribers.HandleTx(sub, func(_ context.Context, _ pgx.Tx, e contrail.Delivered[issued]) error {
		issues <- e
		return nil
	})
	first := w.publish(t, "invoice-1", drafted{N: 7})
	second := w.publish(t, "invoice-1", issued{N: 8})
	run(t, sub)

	draft := receive(t, drafts)
	require.Equal(t, first, draft.Recorded)
	require.Equal(t, drafted{N: 7}, draft.Data)
	require.Equal(t, contrail.Delivery{Consumer: "test", Sequence: 1, Attempt: 1, Source: source}, draft.Delivery)
	issue := receive(t, issues)
	require.Equal(t, second, issue.Recorded)
	require.Equal(t, issued{N: 8}, issue.Data)
	w.settled(t)
	require.Equal(t, subscribers.Stats{Delivered: 2, Handled: 2}, sub.Stats())
}

// What a handler appends with its ctx says what caused it.
func TestHandlersKnowTheirCause(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pool)})
	around := make(chan contrail.Metadata, 1)
	subscribers.Handle(sub, func(ctx context.Context, _ contrail.Delivered[drafted]) error {
		around <- contrail.MetadataFrom(ctx)
		return nil
	})
	subscribers.HandleTx(sub, func(ctx context.Context, _ pgx.Tx, _ contrail.Delivered[issued]) error {
		around <- contrail.MetadataFrom(ctx)
		return nil
	})
	run(t, sub)
	first := w.publish(t, "invoice-1", drafted{})
	require.Equal(t, contrail.Metadata{"causation_id": first.ID.String(), "correlation_id": first.ID.String()}, receive(t, around))
	second := w.event("invoice-1", issued{})
	second.Metadata = contrail.Metadata{"correlation_id": "c1", "causation_id": "c0", "tenant_id": "t1"}
	w.send(t, second)
	require.Equal(t, second.Metadata.With("causation_id", second.ID.String()), receive(t, around))
}

func TestUnhandledTypesAreAcknowledgedAndCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.subscribe(t, subscribers.Config{})
	subscribers.Handle(sub, func(context.Context, contrail.Delivered[drafted]) error { return nil })
	w.publish(t, "invoice-1", issued{})
	w.publish(t, "invoice-1", drafted{})
	run(t, sub)
	w.settled(t)
	require.Equal(t, subscribers.Stats{Delivered: 2, Handled: 1, Unhandled: 1}, sub.Stats())
}

func TestRunReturnsWhatIsWrongWithRegistrations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	plain := func(context.Context, contrail.Delivered[drafted]) error { return nil }
	for name, test := range map[string]struct {
		register func(*subscribers.Subscription)
		want     []string
	}{
		"none": {func(*subscribers.Subscription) {}, []string{"no handler is registered"}},
		"several faults": {func(sub *subscribers.Subscription) {
			subscribers.Handle(sub, plain)
			subscribers.Handle(sub, plain)
			subscribers.Handle[issued](sub, nil)
			subscribers.Handle(sub, func(context.Context, contrail.Delivered[nameless]) error { return nil })
		}, []string{`"InvoiceDrafted": there is a handler for it already`, `"InvoiceIssued": the handler is nil`, "not a type name"}},
		"no inbox": {func(sub *subscribers.Subscription) {
			subscribers.HandleTx(sub, func(context.Context, pgx.Tx, contrail.Delivered[drafted]) error { return nil })
		}, []string{"handlers in a transaction need Config.Inbox"}},
	} {
		sub := w.subscribe(t, subscribers.Config{})
		test.register(sub)
		err := sub.Run(t.Context())
		for _, want := range test.want {
			require.ErrorContains(t, err, want, name)
		}
	}
}

func TestRegistrationAfterRunEndsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.subscribe(t, subscribers.Config{})
	handled := make(chan struct{}, 1)
	subscribers.Handle(sub, func(context.Context, contrail.Delivered[drafted]) error {
		handled <- struct{}{}
		return nil
	})
	w.publish(t, "invoice-1", drafted{})
	ended := make(chan error, 1)
	go func() { ended <- sub.Run(t.Context()) }()
	receive(t, handled)
	require.ErrorContains(t, sub.Run(t.Context()), "running already")
	subscribers.Handle(sub, func(context.Context, contrail.Delivered[issued]) error { return nil })
	require.ErrorContains(t, receive(t, ended), "register handlers before Run")
}
