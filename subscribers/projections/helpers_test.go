package projections_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/projections"
)

const patience = 30 * time.Second

// register writes the row of a projection that nobody runs.
func register(tb testing.TB, pool *pgxpool.Pool, name string) {
	tb.Helper()
	_, err := pool.Exec(tb.Context(), `INSERT INTO contrail.projections (name, stream, subjects, position, sequence) VALUES ($1, 'EVENTS', '{events.>}', 7, 5)`, name)
	require.NoError(tb, err)
}

// newStream is a broker with a stream of so many messages.
func newStream(tb testing.TB, messages int) jetstream.JetStream {
	tb.Helper()
	js, _ := natstest.JetStream(tb)
	_, err := js.CreateStream(tb.Context(), jetstream.StreamConfig{Name: wire.DefaultStream, Subjects: []string{"events.>"}})
	require.NoError(tb, err)
	for range messages {
		_, err := js.Publish(tb.Context(), "events.invoice.1.Drafted", []byte("{}"))
		require.NoError(tb, err)
	}
	return js
}

// start runs a projection, of no events, until the test ends, and waits until it is the active one.
func start(tb testing.TB, js jetstream.JetStream, name string, tables ...string) *pgxpool.Pool {
	tb.Helper()
	pool := pgtest.New(tb)
	_, err := pool.Exec(tb.Context(), `CREATE TABLE nothing (n int)`)
	require.NoError(tb, err)
	projection, err := subscribers.NewProjection(js, pool, subscribers.ProjectionConfig{Name: name, Tables: tables, Standby: 20 * time.Millisecond},
		func(context.Context, pgx.Tx, []contrail.Delivered[json.RawMessage]) error { return nil })
	require.NoError(tb, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	ended := make(chan error, 1)
	go func() { ended <- projection.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		require.NoError(tb, <-ended)
	})
	require.Eventually(tb, func() bool {
		now, err := projections.Get(tb.Context(), pool, name)
		return err == nil && now.Active != nil
	}, patience, 10*time.Millisecond)
	return pool
}
