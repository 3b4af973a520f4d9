package doctor_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/doctor"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/subscribers"
)

const patience = 30 * time.Second

// world is both servers, and what is examined of them.
type world struct {
	*testing.T

	pool   *pgxpool.Pool
	js     jetstream.JetStream
	server *localstack.NATS
	config doctor.Config
}

// newWorld is a migrated database and a broker, with nothing in them.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, pool: pgtest.New(t)}
	w.broker()
	return w
}

// broker replaces the broker.
func (w *world) broker(change ...func(*server.Options)) {
	w.Helper()
	w.server = natstest.Start(w.T, change...)
	w.connect()
}

func (w *world) connect(options ...nats.Option) {
	w.Helper()
	var err error
	w.js, err = jetstream.New(natstest.Connect(w.T, w.server.URL(), options...))
	require.NoError(w, err)
}

// reconnect has the database examined by connections of other settings.
func (w *world) reconnect(change func(*pgxpool.Config)) {
	w.Helper()
	config := w.pool.Config()
	change(config)
	pool, err := pgxpool.NewWithConfig(w.Context(), config)
	require.NoError(w, err)
	w.Cleanup(pool.Close)
	w.pool = pool
}

// setting is a parameter of each connection's.
func (w *world) setting(name, value string) {
	w.reconnect(func(config *pgxpool.Config) { config.ConnConfig.RuntimeParams[name] = value })
}

// exec runs statements one after another. They belong to the table's owner, so triggers and constraints of the tables are the only bounds.
func (w *world) exec(statements ...string) {
	w.Helper()
	for _, statement := range statements {
		_, err := w.pool.Exec(w.Context(), statement)
		require.NoError(w, err, statement)
	}
}

// counted is the event of the tests.
type counted struct{}

func (counted) EventType() string { return "Counted" }

const insertEvent = `INSERT INTO contrail.events (stream, version, type, data) VALUES ('test-' || gen_random_uuid(), 1, 'Counted', '{}')`

// stream creates the stream as the relay does, but for a change.
func (w *world) stream(change func(*jetstream.StreamConfig)) {
	w.Helper()
	config := jetstream.StreamConfig{
		Name: "EVENTS", Subjects: []string{"events.>"}, Storage: jetstream.FileStorage, DenyDelete: true, DenyPurge: true, Duplicates: 2 * time.Minute, AllowDirect: true,
	}
	if change != nil {
		change(&config)
	}
	w.create(config)
}

func (w *world) create(config jetstream.StreamConfig) {
	w.Helper()
	_, err := w.js.CreateStream(w.Context(), config)
	require.NoError(w, err)
}

// consumer creates one on the stream of the events.
func (w *world) consumer(config jetstream.ConsumerConfig) jetstream.Consumer {
	w.Helper()
	created, err := w.js.CreateConsumer(w.Context(), "EVENTS", config)
	require.NoError(w, err)
	return created
}

// forged is a message that no store has written.
func (w *world) forged(subjects ...string) {
	w.Helper()
	for _, subject := range subjects {
		_, err := w.js.Publish(w.Context(), subject, []byte("{}"))
		require.NoError(w, err)
	}
}

// metadata is that of a consumer that a subscription has made.
func metadata() map[string]string { return map[string]string{"contrail-stream": "EVENTS"} }

// relay runs a relay until the test ends, or it is stopped, and returns once it is on the list, and knows the broker.
func (w *world) relay(config publisher.Config) (stop func()) {
	w.Helper()
	relay, err := publisher.NewRelay(w.pool, w.js, config)
	require.NoError(w, err)
	stop = w.run(relay.Run)
	require.Eventually(w, func() bool {
		var there bool
		err := w.pool.QueryRow(w.Context(), `SELECT EXISTS (SELECT FROM contrail.relay_processes WHERE identity = $1)
			AND contrail.leader('EVENTS') <> ''`, config.Identity).Scan(&there)
		return err == nil && there
	}, patience, 10*time.Millisecond)
	return stop
}

// run runs something until the test ends, or it is stopped.
func (w *world) run(run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.Context()))
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	stopped := false
	stop = func() {
		if !stopped {
			cancel()
			require.NoError(w, <-ended)
			stopped = true
		}
	}
	w.Cleanup(stop)
	return stop
}

// subscription runs one until the test ends or it is stopped, and returns once it has handled every event.
func (w *world) subscription(durable string) (stop func()) {
	w.Helper()
	sub, err := subscribers.New(w.js, subscribers.Config{Durable: durable, Inbox: subscribers.NewInbox(w.pool)})
	require.NoError(w, err)
	subscribers.HandleTx(sub, func(context.Context, pgx.Tx, contrail.Delivered[counted]) error { return nil })
	stop = w.run(sub.Run)
	require.Eventually(w, func() bool {
		consumer, err := w.js.Consumer(w.Context(), "EVENTS", durable)
		if err != nil {
			return false
		}
		info := consumer.CachedInfo()
		return info.NumPending == 0 && info.NumAckPending == 0 && info.NumWaiting > 0
	}, patience, 10*time.Millisecond)
	return stop
}

// divided runs a subscription with partitions until the test ends, and returns once each of them is asked for events.
func (w *world) divided(durable string) {
	w.Helper()
	const partitions = 2
	sub, err := subscribers.New(w.js, subscribers.Config{Durable: durable, Partitions: partitions})
	require.NoError(w, err)
	subscribers.Handle(sub, func(context.Context, contrail.Delivered[counted]) error { return nil })
	w.run(sub.Run)
	require.Eventually(w, func() bool {
		waiting := 0
		streams := w.js.ListStreams(w.Context())
		for info := range streams.Info() {
			if info.Config.Metadata["contrail-partitions"] == "" {
				continue
			}
			stream, err := w.js.Stream(w.Context(), info.Config.Name)
			if err != nil {
				return false
			}
			for consumer := range stream.ListConsumers(w.Context()).Info() {
				if consumer.NumWaiting > 0 && consumer.NumPending == 0 {
					waiting++
				}
			}
		}
		return streams.Err() == nil && waiting == partitions
	}, patience, 10*time.Millisecond)
}

// projection runs one until the test ends, and returns once it has projected every event.
func (w *world) projection(name string) {
	w.Helper()
	projection, err := subscribers.NewProjection(w.js, w.pool, subscribers.ProjectionConfig{Name: name},
		func(context.Context, pgx.Tx, []contrail.Delivered[json.RawMessage]) error { return nil })
	require.NoError(w, err)
	w.run(projection.Run)
	require.Eventually(w, func() bool {
		var done bool
		err := w.pool.QueryRow(w.Context(), `SELECT EXISTS (SELECT FROM contrail.projections WHERE name = $1 AND position = 3)`, name).Scan(&done)
		return err == nil && done
	}, patience, 10*time.Millisecond)
}

// told has a row stand for a relay that was heard of last so long ago.
func (w *world) told(identity, since, settings string) {
	w.Helper()
	_, err := w.pool.Exec(w.Context(), `INSERT INTO contrail.relay_processes (id, relay, identity, host, pid, version, settings, state, beat_at, broker_rtt)
		VALUES (gen_random_uuid(), 'EVENTS', $1, 'here', 1, '', $3::jsonb, 'standby', clock_timestamp() - $2::interval, 0.001)`, identity, since, settings)
	require.NoError(w, err)
}

// leads has a session of the test's hold the leadership in a relay's name.
func (w *world) leads(identity string) {
	w.Helper()
	w.exec(`INSERT INTO contrail.relays (stream, leader) VALUES ('EVENTS', '` + identity + `') ON CONFLICT (stream) DO UPDATE SET leader = excluded.leader`)
	conn, err := pgx.ConnectConfig(w.Context(), w.pool.Config().ConnConfig)
	require.NoError(w, err)
	w.Cleanup(func() { require.NoError(w, conn.Close(context.WithoutCancel(w.Context()))) })
	_, err = conn.Exec(w.Context(), `SELECT contrail.lead('EVENTS')`)
	require.NoError(w, err)
}

// appends leaves a transaction open that has appended.
func (w *world) appends() {
	w.Helper()
	tx, err := w.pool.Begin(w.Context())
	require.NoError(w, err)
	w.Cleanup(func() {
		if err := tx.Rollback(context.WithoutCancel(w.Context())); !errors.Is(err, pgx.ErrTxClosed) {
			require.NoError(w, err)
		}
	})
	_, err = tx.Exec(w.Context(), insertEvent)
	require.NoError(w, err)
}

// examine makes some checks; none: all.
func (w *world) examine(only ...string) []doctor.Finding {
	w.Helper()
	w.config.Only, w.config.Timeout = only, patience
	examiner, err := doctor.New(w.pool, w.js, w.config)
	require.NoError(w, err)
	findings, err := examiner.Run(w.Context())
	require.NoError(w, err)
	return findings
}
