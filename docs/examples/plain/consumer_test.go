package plain_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/docs/examples/plain"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
)

func entry(e plain.Event) string { return e.Subject + " " + e.Type }

// An event that fails holds up those behind it, in whichever of two processes it is tried again.
func TestEventsAreAppliedInOrderWhatEverFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, publisher.Config{})
	var applied ledger
	var failures atomic.Int32
	apply := func(_ context.Context, _ *sql.Tx, e plain.Event) error {
		if e.Type == "OrderPaid" && failures.Add(1) < 4 {
			return errors.New("not now")
		}
		applied.add(entry(e))
		return nil
	}
	for range 2 {
		w.consume(t, plain.Config{Delay: time.Millisecond}, apply)
	}
	want := []string{"order-1 OrderPlaced", "order-1 OrderPaid", "order-2 OrderPlaced", "order-1 OrderShipped"}
	w.record(t, "order-1", "OrderPlaced", `{}`)
	w.record(t, "invoice-1", "InvoiceDrafted", `{}`) // filtered out
	w.record(t, "order-1", "OrderPaid", `{}`)
	w.record(t, "order-2", "OrderPlaced", `{}`)
	w.record(t, "order-1", "OrderShipped", `{}`)
	w.await(t, func() bool { return len(applied.entries()) >= len(want) })
	require.Equal(t, want, applied.entries())
}

// A durable that is made anew delivers everything again, like an acknowledgement that was lost or an event that the relay repairs.
func TestEventThatComesAgainHasNoSecondEffect(t *testing.T) {
	t.Parallel()
	w := newWorld(t, publisher.Config{})
	var applied ledger
	apply := func(_ context.Context, _ *sql.Tx, e plain.Event) error {
		applied.add(entry(e))
		return nil
	}
	for i := range 3 {
		w.record(t, fmt.Sprintf("order-%d", i), "OrderPlaced", `{}`)
	}
	stop := w.consume(t, plain.Config{}, apply)
	w.await(t, func() bool { return len(applied.entries()) == 3 })
	stop()
	require.NoError(t, w.js.DeleteConsumer(t.Context(), "EVENTS", "order-mail"))
	w.record(t, "order-3", "OrderPlaced", `{}`)
	w.consume(t, plain.Config{}, apply)
	w.await(t, func() bool { return len(applied.entries()) == 4 })
	require.Equal(t, "order-3 OrderPlaced", applied.entries()[3])
	w.consume(t, plain.Config{Durable: "order-statistics"}, apply)
	w.await(t, func() bool { return len(applied.entries()) == 8 }) // another consumer has its own
}

func TestEffectOfAFailureIsRolledBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, publisher.Config{})
	_, err := w.pool.Exec(t.Context(), `CREATE TABLE mails (subject text)`)
	require.NoError(t, err)
	var calls atomic.Int32
	done := make(chan struct{})
	w.consume(t, plain.Config{Delay: time.Millisecond}, func(ctx context.Context, tx *sql.Tx, e plain.Event) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO mails VALUES ($1)`, e.Subject); err != nil {
			return err
		}
		switch calls.Add(1) {
		case 1:
			return errors.New("not now")
		case 3:
			close(done)
		}
		return nil
	})
	w.record(t, "order-1", "OrderPlaced", `{}`)
	w.record(t, "order-2", "OrderPlaced", `{}`)
	receive(t, done)
	w.await(t, func() bool {
		var mails int
		require.NoError(t, w.pool.QueryRow(t.Context(), `SELECT count(*) FROM mails`).Scan(&mails))
		return mails == 2
	})
}

// An event whose handler takes longer than AckWait is delivered once.
func TestSlowHandlerKeepsItsEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, publisher.Config{})
	const ackWait = 300 * time.Millisecond
	applied := make(chan struct{}, 8)
	w.consume(t, plain.Config{AckWait: ackWait}, func(context.Context, *sql.Tx, plain.Event) error {
		<-time.After(4 * ackWait)
		applied <- struct{}{}
		return nil
	})
	w.record(t, "order-1", "OrderPlaced", `{}`)
	receive(t, applied)
	w.await(t, func() bool { return w.info(t).AckFloor.Stream == 1 })
	require.EqualValues(t, 1, w.info(t).Delivered.Consumer)
}

func (w *world) info(t *testing.T) *jetstream.ConsumerInfo {
	t.Helper()
	consumer, err := w.js.Consumer(t.Context(), "EVENTS", "order-mail")
	require.NoError(t, err)
	return consumer.CachedInfo()
}

// closedDoor opens connections only while it is open.
type closedDoor struct {
	driver.Connector

	open    atomic.Bool
	knocked chan struct{}
}

func (d *closedDoor) Connect(ctx context.Context) (driver.Conn, error) {
	if !d.open.Load() {
		select {
		case d.knocked <- struct{}{}:
		default:
		}
		return nil, errors.New("connection refused")
	}
	return d.Connector.Connect(ctx)
}

func TestDatabaseOutOfReachUsesUpNoDelivery(t *testing.T) {
	t.Parallel()
	w := newWorld(t, publisher.Config{})
	door := &closedDoor{Connector: stdlib.GetPoolConnector(w.pool), knocked: make(chan struct{}, 8)}
	w.db = closed(t, sql.OpenDB(door))
	applied := make(chan struct{})
	w.consume(t, plain.Config{MaxDeliver: 2, Delay: time.Millisecond}, func(context.Context, *sql.Tx, plain.Event) error {
		close(applied)
		return nil
	})
	w.record(t, "order-1", "OrderPlaced", `{}`)
	for range 8 {
		receive(t, door.knocked)
	}
	door.open.Store(true)
	receive(t, applied)
	w.await(t, func() bool { return w.info(t).AckFloor.Stream == 1 })
	require.EqualValues(t, 1, w.info(t).Delivered.Consumer)
}

func TestRunSaysThatTheStreamIsMissing(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	db := closed(t, stdlib.OpenDBFromPool(pgtest.New(t)))
	err := plain.New(js, db, plain.Config{Durable: "order-mail", Filter: "events.order.>"}, nil).Run(t.Context())
	require.ErrorIs(t, err, jetstream.ErrStreamNotFound)
}
