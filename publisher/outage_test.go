package publisher_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
)

// impatient retries soon, so that outages cost the tests little.
func impatient() publisher.Config {
	return publisher.Config{AckTimeout: time.Second, RetryMin: 5 * time.Millisecond, RetryMax: 50 * time.Millisecond, BatchEvents: 20}
}

func TestRelayOutlastsABrokerThatGoesAndComes(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, broker := natstest.JetStream(t)
	stopAppending := keepAppending(t, pool)
	stop := start(t, newRelay(t, pool, js, impatient()))
	for range 3 {
		pause(t.Context(), 300*time.Millisecond)
		require.NoError(t, broker.Stop())
		pause(t.Context(), 300*time.Millisecond)
		require.NoError(t, broker.Restart())
	}
	stopAppending()
	awaitCaughtUp(t, pool, js)
	require.NoError(t, stop())
	requireExact(t, pool, js)
}

// A relay that waits for its broker can be stopped at once.
func TestRelayStopsWhileItsBrokerIsAway(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, broker := natstest.JetStream(t)
	insertEvents(t, pool, 10)
	require.NoError(t, broker.Stop())
	stop := start(t, newRelay(t, pool, js, publisher.Config{AckTimeout: time.Hour}))
	pause(t.Context(), 500*time.Millisecond)
	began := time.Now()
	require.NoError(t, stop())
	require.Less(t, time.Since(began), patience)
	require.NoError(t, broker.Restart())
	finish(t, pool, js)
}

func TestRelayOutlastsADatabaseThatCrashes(t *testing.T) {
	t.Parallel()
	database := pgtest.Server(t, localstack.PostgresConfig{Durable: true})
	pool, err := pgxpool.New(t.Context(), database.URL())
	require.NoError(t, err)
	defer pool.Close()
	_, err = eventstore.Migrate(t.Context(), pool)
	require.NoError(t, err)
	js, _ := natstest.JetStream(t)
	relay := newRelay(t, pool, js, impatient())
	insertEvents(t, pool, 500)
	stop := start(t, relay)
	for range 2 {
		pause(t.Context(), 50*time.Millisecond)
		require.NoError(t, database.Kill())
		require.NoError(t, database.Restart(t.Context()))
		require.Eventually(t, func() bool { return pool.Ping(context.Background()) == nil }, patience, 10*time.Millisecond)
		insertEvents(t, pool, 500)
	}
	awaitCaughtUp(t, pool, js)
	require.NoError(t, stop())
	requireExact(t, pool, js)
}

// The leader's session ends, as it does when its host vanishes: the standby takes over, and only one leads at a time.
func TestStandbyTakesOver(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	first, second := impatient(), impatient()
	first.Identity, second.Identity = "first:1", "second:2"
	first.RetryMin, first.RetryMax = time.Minute, time.Minute // it shall not be back at once
	start(t, newRelay(t, pool, js, first))
	leader := func() string {
		status, err := publisher.ReadStatus(context.Background(), pool, js, "EVENTS")
		require.NoError(t, err)
		return status.Leader
	}
	insertEvents(t, pool, 10)
	awaitCaughtUp(t, pool, js)
	require.Equal(t, "first:1", leader())
	stop := start(t, newRelay(t, pool, js, second))
	insertEvents(t, pool, 10)
	awaitCaughtUp(t, pool, js)
	require.Equal(t, "first:1", leader())

	_, err := pool.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND application_name = 'contrail relay first:1'`)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return leader() == "second:2" }, patience, 10*time.Millisecond)
	insertEvents(t, pool, 10)
	awaitCaughtUp(t, pool, js)
	require.NoError(t, stop())
	require.Empty(t, leader(), "a relay that stops gives the leadership up")
	requireExact(t, pool, js)
}

// Draining reads no further, but settles what is on its way: the cursor is where the stream is.
func TestDrainSettlesWhatIsInFlight(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 2000)
	cfg := impatient()
	cfg.InFlight = 8
	relay := newRelay(t, pool, js, cfg)
	var passed atomic.Int64
	enough, told := make(chan struct{}), make(chan struct{})
	relay.OnPoint(func(point string) {
		if point == "in mid-batch" && passed.Add(1) == 20 {
			close(enough)
			<-told
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- relay.Run(ctx) }()
	<-enough
	cancel()
	close(told)
	require.NoError(t, <-ended)
	var sequence uint64
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT sequence FROM contrail.relays`).Scan(&sequence))
	require.Len(t, readStream(t, js), int(sequence))
	require.Less(t, sequence, uint64(2000), "it should not have relayed everything first")
	finish(t, pool, js)
}

func TestRelayStopsInFrontOfARefusedEvent(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	natsServer := natstest.Start(t, func(options *server.Options) { options.MaxPayload = 64 << 10 })
	js, err := jetstream.New(natstest.Connect(t, natsServer.URL()))
	require.NoError(t, err)
	insertEvents(t, pool, 10)
	_, err = pool.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data) VALUES ('big-1', 1, 'Big', to_jsonb(repeat('x', 100000)))`)
	require.NoError(t, err)
	insertEvents(t, pool, 10)
	cfg := impatient()
	cfg.OnPermanent, cfg.Attempts = publisher.Halt, 3
	err = newRelay(t, pool, js, cfg).Run(t.Context())
	var refused *publisher.RefusedError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "big-1", refused.Stream.String())
	require.EqualValues(t, 11, refused.Position)
	require.Len(t, readStream(t, js), 10, "what lies before it is published, what lies behind it is not")
}

// A middleware of the application's refuses a batch now and then: the batch is sent again, and nothing is out of order.
func TestRelaySendsABatchAgainThatAMiddlewareRefused(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 200)
	cfg := impatient()
	var calls atomic.Int64
	cfg.Middlewares = []message.HandlerMiddleware{func(next message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			switch calls.Add(1) {
			case 3:
				return nil, errors.New("not now")
			case 5:
				panic("not ever")
			}
			return next(msg)
		}
	}}
	stop := start(t, newRelay(t, pool, js, cfg))
	awaitCaughtUp(t, pool, js)
	require.NoError(t, stop())
	requireExact(t, pool, js)
}

// Middlewares that call the handler twice, or not at all, cost a retry each, and nothing else: no event, no order, no way to stop.
func TestRelayOutlastsOddMiddlewares(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 200)
	cfg := impatient()
	var calls atomic.Int64
	cfg.Middlewares = []message.HandlerMiddleware{func(next message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			switch calls.Add(1) {
			case 2: // as a retry does around what fails behind the handler
				_, _ = next(msg)
			case 5:
				return nil, nil
			}
			return next(msg)
		}
	}}
	stop := start(t, newRelay(t, pool, js, cfg))
	awaitCaughtUp(t, pool, js)
	require.NoError(t, stop())
	requireExact(t, pool, js)
}

// A relay that can publish nothing tries again more and more seldom.
func TestRelayPausesLongerEachTimeThatNothingIsPublished(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 1)
	var calls atomic.Int64
	cfg := publisher.Config{RetryMin: 10 * time.Millisecond, RetryMax: time.Minute}
	cfg.Middlewares = []message.HandlerMiddleware{func(message.HandlerFunc) message.HandlerFunc {
		return func(*message.Message) ([]*message.Message, error) {
			calls.Add(1)
			return nil, errors.New("never")
		}
	}}
	stop := start(t, newRelay(t, pool, js, cfg))
	require.Eventually(t, func() bool { return calls.Load() >= 3 }, patience, time.Millisecond)
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	<-timer.C
	require.NoError(t, stop())
	require.Less(t, calls.Load(), int64(12), "10, 20, 40 … ms")
}

func TestRelayEndsWithItsConnection(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	natsServer := natstest.Start(t)
	conn := natstest.Connect(t, natsServer.URL())
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	conn.Close()
	require.ErrorIs(t, runFails(t, pool, js), publisher.ErrConnectionClosed)
}

func TestRelayRefusesAnUnmigratedDatabase(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), pgtest.Empty(t))
	require.NoError(t, err)
	defer pool.Close()
	js, _ := natstest.JetStream(t)
	require.ErrorIs(t, runFails(t, pool, js), eventstore.ErrNotMigrated)
}

// Relays are started and stopped at any moment, and leave nothing behind.
func TestStartStopLeavesNothingBehind(t *testing.T) { //nolint:paralleltest // goleak sees every goroutine of the process
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 50)
	relayAll(t, pool, js) // the broker's goroutines for the stream come to stay
	before := goleak.IgnoreCurrent()
	for i := range 20 {
		insertEvents(t, pool, 50)
		stop := start(t, newRelay(t, pool, js, impatient()))
		if i%2 == 0 {
			pause(t.Context(), 20*time.Millisecond)
		}
		require.NoError(t, stop())
	}
	goleak.VerifyNone(t, before, goleak.IgnoreAnyFunction("github.com/jackc/pgx/v5/pgxpool.(*Pool).backgroundHealthCheck"))
	finish(t, pool, js)
}

func TestRelayNamesTheServiceInTheSource(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 1)
	stop := start(t, newRelay(t, pool, js, publisher.Config{Name: "billing", Stream: "BILLING", Prefix: "my.billing"}))
	require.Eventually(t, func() bool {
		status, err := publisher.ReadStatus(context.Background(), pool, js, "BILLING")
		return err == nil && status.PublishedPosition == 1
	}, patience, 5*time.Millisecond)
	require.NoError(t, stop())
	stream, err := js.Stream(t.Context(), "BILLING")
	require.NoError(t, err)
	msg, err := stream.GetMsg(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, "my.billing.bulk.0.Counted", msg.Subject)
	require.Contains(t, string(msg.Data), `"source":"/contrail/billing/`)
	require.Equal(t, []string{"application/cloudevents+json"}, msg.Header["content-type"])
}
