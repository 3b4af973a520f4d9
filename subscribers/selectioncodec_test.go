package subscribers_test

import (
	"context"
	"encoding/json"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers"
)

// formerDraft was an InvoiceDrafted of schema 1.
type formerDraft struct {
	Number string `json:"number"`
}

// bothAtOnce was an event of its own in former years.
type bothAtOnce struct {
	N      int  `json:"n"`
	Issued bool `json:"issued"`
}

func ledger(tb testing.TB) *codec.Codec {
	tb.Helper()
	events, err := codec.New(
		codec.Type[drafted](codec.Schema(2)),
		codec.Type[issued](),
		codec.Upcast("InvoiceDrafted", 1, codec.Convert(func(old formerDraft) (drafted, error) {
			n, err := strconv.Atoi(old.Number)
			return drafted{N: n}, err
		})),
		codec.Upcast("InvoiceApproved", 1, codec.Rename("InvoiceIssued", 1)),
		codec.Upcast("InvoiceViewed", 1, codec.Drop()),
		codec.Upcast("InvoiceDraftedAndIssued", 1, codec.Split(
			codec.Into("InvoiceDrafted", 2, func(old bothAtOnce) (drafted, error) { return drafted{N: old.N}, nil }),
			codec.Into("InvoiceIssued", 1, func(old bothAtOnce) (issued, error) {
				if !old.Issued {
					return issued{}, codec.ErrOmit
				}
				return issued{N: old.N}, nil
			}),
		)),
	)
	require.NoError(tb, err)
	return events
}

// recorded publishes an event as a program of its time has written it.
func (w *world) recorded(tb testing.TB, eventType string, schema int, data string) {
	tb.Helper()
	event := w.event("invoice-1", drafted{})
	event.Type, event.Data = eventType, json.RawMessage(data)
	if schema > 1 {
		event.Metadata = contrail.Metadata{contrail.KeySchemaVersion: strconv.Itoa(schema)}
	}
	w.send(tb, event)
}

// Events of former forms come to the handlers of today's: converted, renamed, split into parts in their order, or not at all.
func TestCodecBringsEventsIntoTheFormOfToday(t *testing.T) {
	t.Parallel()
	for _, form := range []string{formPlain, formTx} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			w, pool := newWorld(t), pgtest.New(t)
			w.recorded(t, "InvoiceDrafted", 1, `{"number":"1"}`)
			w.recorded(t, "InvoiceDrafted", 2, `{"n":2}`)
			w.recorded(t, "InvoiceApproved", 1, `{"n":3}`)
			w.recorded(t, "InvoiceViewed", 1, `{}`)
			w.recorded(t, "InvoiceDraftedAndIssued", 1, `{"n":4,"issued":true}`)
			w.recorded(t, "InvoiceDraftedAndIssued", 1, `{"n":5}`)
			sub := w.subscribe(t, subscribers.Config{Codec: ledger(t), Inbox: subscribers.NewInbox(pool)})
			told := make(chan any, 99)
			if form == formPlain {
				subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error { told <- e.Data; return nil })
				subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[issued]) error { told <- e.Data; return nil })
			} else {
				subscribers.HandleTx(sub, func(_ context.Context, _ pgx.Tx, e contrail.Delivered[drafted]) error { told <- e.Data; return nil })
				subscribers.HandleTx(sub, func(_ context.Context, _ pgx.Tx, e contrail.Delivered[issued]) error { told <- e.Data; return nil })
			}
			run(t, sub)
			w.settled(t)
			require.Empty(t, w.deadLetters(t))
			close(told)
			var all []any
			for data := range told {
				all = append(all, data)
			}
			require.Equal(t, []any{drafted{1}, drafted{2}, issued{3}, drafted{4}, issued{4}, drafted{5}}, all)
			stats := sub.Stats()
			require.Equal(t, [2]int64{5, 1}, [2]int64{stats.Handled, stats.Unhandled}, "a dropped event is nobody's")
		})
	}
}

// The parts of a split event take effect together or not at all.
func TestPartsOfASplitEventShareItsTransaction(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	_, err := pool.Exec(t.Context(), `CREATE TABLE parts (type text NOT NULL)`)
	require.NoError(t, err)
	w.recorded(t, "InvoiceDraftedAndIssued", 1, `{"n":4,"issued":true}`)
	sub := w.subscribe(t, subscribers.Config{Codec: ledger(t), Inbox: subscribers.NewInbox(pool)})
	subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, _ contrail.Delivered[drafted]) error {
		_, err := tx.Exec(ctx, `INSERT INTO parts VALUES ('drafted')`)
		return err
	})
	subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[issued]) error {
		if e.Delivery.Attempt < 3 {
			return errBroken
		}
		_, err := tx.Exec(ctx, `INSERT INTO parts VALUES ('issued')`)
		return err
	})
	run(t, sub)
	w.settled(t)
	var drafts, issues int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE type = 'drafted'), count(*) FILTER (WHERE type = 'issued') FROM parts`).
		Scan(&drafts, &issues))
	require.Equal(t, [2]int{1, 1}, [2]int{drafts, issues})
}

// An event of a later schema is tried again, since a later program may share the durable; at last it is a dead letter. One that can't be converted is one
// at once.
func TestCodecThatCannotReadAnEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.recorded(t, "InvoiceDrafted", 3, `{"n":1}`)
	w.recorded(t, "InvoiceDrafted", 1, `{"number":"many"}`)
	w.recorded(t, "InvoiceDrafted", 2, `{"n":2}`)
	sub := w.subscribe(t, subscribers.Config{Codec: ledger(t), MaxDeliver: 3})
	handled := make(chan int, 9)
	subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
		handled <- e.Data.N
		return nil
	})
	run(t, sub)
	w.settled(t)
	require.Equal(t, 2, receive(t, handled))
	letters := map[uint64]subscribers.DeadLetter{}
	for _, letter := range w.awaitLetters(t, 2) {
		letters[letter.Sequence] = letter
	}
	require.Equal(t, [2]any{subscribers.ReasonExhausted, 3}, [2]any{letters[1].Reason, letters[1].Deliveries})
	require.Contains(t, letters[1].Error, "a later program may read it")
	require.Equal(t, [2]any{subscribers.ReasonUndecodable, 1}, [2]any{letters[2].Reason, letters[2].Deliveries})
}

// The event waits for the program that can read it.
func TestALaterProgramReadsALaterSchema(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.recorded(t, "InvoiceDrafted", 2, `{"n":2}`)
	former, err := codec.New(codec.Type[drafted]())
	require.NoError(t, err)
	deliver := func(events *codec.Codec) (*subscribers.Subscription, func()) {
		sub := w.subscribe(t, subscribers.Config{Codec: events, MaxDeliver: 1000})
		subscribers.Handle(sub, func(context.Context, contrail.Delivered[drafted]) error { return nil })
		return sub, run(t, sub)
	}
	old, stop := deliver(former)
	eventually(t, func() bool { return old.Stats().Retried > 1 })
	stop()
	today, _ := deliver(ledger(t))
	w.settled(t)
	require.Equal(t, int64(1), today.Stats().Handled)
	require.Empty(t, w.deadLetters(t))
}

// The catch-all gets what has no handler of its own, in today's form; a type that the codec does not know as it is.
func TestCatchAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.recorded(t, "InvoiceDrafted", 1, `{"number":"1"}`)
	w.recorded(t, "InvoiceApproved", 1, `{"n":3}`)
	w.recorded(t, "InvoiceViewed", 1, `{}`)
	sub := w.subscribe(t, subscribers.Config{Codec: ledger(t)})
	rest, own := make(chan contrail.Delivered[json.RawMessage], 9), make(chan int, 9)
	subscribers.HandleAny(sub, func(_ context.Context, e contrail.Delivered[json.RawMessage]) error {
		rest <- e
		return nil
	})
	subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[issued]) error {
		own <- e.Data.N
		return nil
	})
	run(t, sub)
	w.settled(t)
	draft := receive(t, rest)
	require.Equal(t, "InvoiceDrafted", draft.Type)
	require.JSONEq(t, `{"n":1}`, string(draft.Data))
	require.Equal(t, 3, receive(t, own))
	require.Empty(t, rest)
}
