package plain_test

import (
	"context"
	"database/sql"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/docs/examples/plain"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
)

const (
	patience = 30 * time.Second
	glance   = 10 * time.Millisecond
)

const tablesSQL = `CREATE TABLE applied (consumer text, position bigint, PRIMARY KEY (consumer, position))`

const appendSQL = `INSERT INTO contrail.events (stream, version, type, data, metadata)
VALUES ($1, (SELECT count(*) + 1 FROM contrail.events WHERE stream = $1), $2, $3, '{"tenant_id": "t 1"}')`

// world is a store, a relay, and the stream that it fills.
type world struct {
	pool *pgxpool.Pool
	js   jetstream.JetStream
	db   *sql.DB
}

func newWorld(t *testing.T, config publisher.Config) *world {
	t.Helper()
	w := &world{pool: pgtest.New(t)}
	w.js, _ = natstest.JetStream(t)
	w.db = closed(t, stdlib.OpenDBFromPool(w.pool))
	_, err := w.pool.Exec(t.Context(), tablesSQL)
	require.NoError(t, err)
	relay, err := publisher.NewRelay(w.pool, w.js, config)
	require.NoError(t, err)
	background(t, relay.Run)
	w.await(t, func() bool {
		_, err := w.js.Stream(t.Context(), "EVENTS")
		return err == nil
	})
	return w
}

// closed closes db at the test's end.
func closed(t *testing.T, db *sql.DB) *sql.DB {
	t.Helper()
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// background runs something until the test's end.
func background(t *testing.T, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	t.Cleanup(stop)
	return stop
}

// receive waits for what a channel gives.
func receive[T any](t *testing.T, from <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-time.After(patience):
		require.Fail(t, "nothing came")
	}
	return value
}

func (w *world) await(t *testing.T, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, patience, glance)
}

func (w *world) record(t *testing.T, stream, eventType, data string) {
	t.Helper()
	_, err := w.pool.Exec(t.Context(), appendSQL, stream, eventType, data)
	require.NoError(t, err)
}

func (w *world) consume(t *testing.T, config plain.Config, apply plain.Apply) (stop func()) {
	t.Helper()
	if config.Durable == "" {
		config.Durable = "order-mail"
	}
	config.Filter = "events.order.>"
	return background(t, plain.New(w.js, w.db, config, apply).Run)
}

// letters waits for so many messages in the stream of dead letters, and returns them.
func (w *world) letters(t *testing.T, count uint64) []*jetstream.RawStreamMsg {
	t.Helper()
	var stream jetstream.Stream
	w.await(t, func() bool {
		var err error
		stream, err = w.js.Stream(t.Context(), "DEADLETTERS")
		return err == nil && stream.CachedInfo().State.Msgs >= count
	})
	letters := make([]*jetstream.RawStreamMsg, 0, count)
	for sequence := uint64(1); sequence <= stream.CachedInfo().State.LastSeq; sequence++ {
		letter, err := stream.GetMsg(t.Context(), sequence)
		require.NoError(t, err)
		letters = append(letters, letter)
	}
	return letters
}

// ledger is the effect of a consumer: the events that it has applied, in order.
type ledger struct {
	mu     sync.Mutex
	events []string
}

func (l *ledger) add(entry string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, entry)
}

func (l *ledger) entries() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.events...)
}
