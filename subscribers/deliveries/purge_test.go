package deliveries_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// What has ended long ago goes, with its attempts and its log; what has not ended, or not long ago, stays.
func TestPurge(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	var old, young []uuid.UUID
	for _, way := range ways() {
		id := way(b)
		old = append(old, id)
		young = append(young, way(b))
	}
	b.age("100 days", old...)
	before := value[int](b, `SELECT count(*) FROM contrail.deliveries`)
	gone := value[int64](b, `SELECT count(*) FROM contrail.deliveries WHERE state IN ('succeeded', 'suppressed', 'cancelled') AND id = ANY($1)`, old)
	purged, err := deliveries.Purge(t.Context(), b.pool, deliveries.Retention{Batch: 3})
	require.NoError(t, err)
	require.Equal(t, gone, purged.Deliveries)
	require.Positive(t, gone)
	require.Equal(t, before-int(gone), value[int](b, `SELECT count(*) FROM contrail.deliveries`))
	require.Zero(t, value[int](b, `SELECT count(*) FROM contrail.deliveries WHERE state IN ('succeeded', 'suppressed', 'cancelled') AND id = ANY($1)`, old))
	require.Zero(t, value[int](b, `SELECT count(*) FROM contrail.delivery_events e WHERE NOT EXISTS (SELECT FROM contrail.deliveries d WHERE d.consumer = e.consumer AND d.event = e.id)`))
	for _, id := range young {
		b.explain(id)
	}
	again, err := deliveries.Purge(t.Context(), b.pool, deliveries.Retention{})
	require.NoError(t, err)
	require.Zero(t, again)
}

// An event stays as long as there is a delivery of it.
func TestPurgeKeepsEventsThatAreNeeded(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	event := uuid.New()
	first, second := b.plan(planned{event: event}), b.plan(planned{event: event, recipient: "contact-43"})
	b.try(first, succeeded())
	b.age("100 days", first)
	purged, err := deliveries.Purge(t.Context(), b.pool, deliveries.Retention{})
	require.NoError(t, err)
	require.Equal(t, deliveries.Purged{Deliveries: 1}, purged)
	b.try(second, succeeded())
	b.age("100 days", second)
	purged, err = deliveries.Purge(t.Context(), b.pool, deliveries.Retention{})
	require.NoError(t, err)
	require.Equal(t, deliveries.Purged{Deliveries: 1, Events: 1}, purged)
}

// Purging keeps to a consumer, an age and a number.
func TestPurgeIsBounded(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	var ids []uuid.UUID
	for range 5 {
		id := b.plan(planned{})
		b.try(id, succeeded())
		ids = append(ids, id)
	}
	other := b.plan(planned{consumer: "reminders"})
	b.try(other, succeeded())
	b.age("2 days", append(ids, other)...)
	for _, c := range []struct {
		keep deliveries.Retention
		want int64
	}{
		{deliveries.Retention{}, 0},
		{deliveries.Retention{OlderThan: 3 * 24 * time.Hour}, 0},
		{deliveries.Retention{OlderThan: 24 * time.Hour, Consumer: "invoice-mail", Limit: 3, Batch: 2}, 3},
		{deliveries.Retention{OlderThan: 24 * time.Hour, Consumer: "invoice-mail"}, 2},
	} {
		purged, err := deliveries.Purge(t.Context(), b.pool, c.keep)
		require.NoError(t, err)
		require.Equal(t, c.want, purged.Deliveries)
	}
	require.Equal(t, []uuid.UUID{other}, listed(t, deliveries.List(t.Context(), b.pool, deliveries.Filter{})))
	_, err := deliveries.Purge(t.Context(), b.pool, deliveries.Retention{
		Scope: deliveries.Scope{Tenant: "\x00"}, Consumer: "\xff", OlderThan: -1, Limit: -1, Batch: -1,
	})
	for _, field := range []string{"Tenant", "Consumer", "OlderThan", "Limit", "Batch"} {
		require.ErrorContains(t, err, "deliveries.Retention: "+field)
	}
}

// Sixteen who purge at once delete each delivery once, and none of them fails.
func TestPurgeAtOnce(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	var ids []uuid.UUID
	for range 100 {
		id := b.plan(planned{})
		b.try(id, succeeded())
		ids = append(ids, id)
	}
	b.age("100 days", ids...)
	var sum deliveries.Purged
	for _, purged := range together(b, func(ctx context.Context, conn *pgxpool.Conn) (deliveries.Purged, error) {
		return deliveries.Purge(ctx, conn, deliveries.Retention{Batch: 7})
	}) {
		sum.Deliveries += purged.Deliveries
		sum.Events += purged.Events
	}
	require.Equal(t, deliveries.Purged{Deliveries: 100, Events: 100}, sum)
}

// An event that somebody plans for is not purged under his hands, and what a person is about to send again stays.
func TestPurgeLeavesWhatIsInUse(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	event := uuid.New()
	planning, redriven := b.plan(planned{event: event}), b.plan(planned{})
	for _, id := range []uuid.UUID{planning, redriven} {
		b.try(id, permanent())
	}
	b.age("100 days", planning, redriven)
	tx, err := b.pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(context.WithoutCancel(t.Context()))
	_, err = tx.Exec(t.Context(), `SELECT FROM contrail.delivery_events WHERE id = $1 FOR KEY SHARE`, event)
	require.NoError(t, err)
	told, err := deliveries.Redrive(t.Context(), tx, redriven, ada("mended"))
	require.NoError(t, err)
	purged, err := deliveries.Purge(t.Context(), b.pool, deliveries.Retention{})
	require.NoError(t, err)
	require.Equal(t, deliveries.Purged{Deliveries: 1}, purged)
	_, err = tx.Exec(t.Context(), `INSERT INTO contrail.deliveries (id, consumer, event, channel, recipient) VALUES ($1, 'invoice-mail', $2, 'mail', 'contact-43')`,
		uuid.New(), event)
	require.NoError(t, err)
	require.NoError(t, tx.Commit(t.Context()))
	require.Equal(t, deliveries.Pending, b.explain(told.Becomes).State)
}

// Purging in a transaction is undone with it.
func TestPurgeInATransaction(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	id := b.plan(planned{})
	b.try(id, succeeded())
	b.age("100 days", id)
	err := pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error {
		purged, err := deliveries.Purge(t.Context(), tx, deliveries.Retention{})
		require.NoError(t, err)
		require.Equal(t, int64(1), purged.Deliveries)
		return context.Canceled
	})
	require.ErrorIs(t, err, context.Canceled)
	b.explain(id)
}
