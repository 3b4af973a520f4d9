package telemetry_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/telemetry"
	"github.com/contrail-events/contrail/publisher"
)

// impatient retries soon. A batch that takes longer than bound hangs, then.
func impatient() publisher.Config {
	return publisher.Config{AckTimeout: time.Second, RetryMin: 5 * time.Millisecond, RetryMax: 50 * time.Millisecond}
}

const bound = 2 * time.Second

// relaying runs a relay for the length of the test, and has told watch it as the program does.
func relaying(t *testing.T, told *telemetry.Telemetry, pool *pgxpool.Pool, js jetstream.JetStream, cfg publisher.Config) *publisher.Relay {
	t.Helper()
	cfg.Tracer, cfg.Meter = told.Tracer(), told.Meter()
	relay, err := publisher.NewRelay(pool, js, cfg)
	require.NoError(t, err)
	told.Health().Alive("relay progress", func(context.Context) (string, error) { return "no loop hangs", relay.Alive(bound) })
	told.Health().Ready("relay", func(context.Context) (string, error) { return relay.Ready() })
	told.Health().Ready("nats", func(context.Context) (string, error) {
		if !js.Conn().IsConnected() {
			return "", nats.ErrDisconnected
		}
		return "reachable", nil
	})
	running(t, relay.Run)
	return relay
}

// running runs something until the test ends.
func running(t *testing.T, run func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-ended) })
}

// does is what the relay is said to do.
func does(report telemetry.Report) string {
	for _, check := range report.Checks {
		if check.Name == "relay" {
			return check.What
		}
	}
	return ""
}

// A connection that is up proves nothing: a relay whose middleware never returns beats on, and publishes nothing.
func TestRelayThatHangsIsNotAlive(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	told := started(t)
	cfg := impatient()
	entered, release := make(chan struct{}), make(chan struct{})
	enter := sync.OnceFunc(func() { close(entered) })
	let := sync.OnceFunc(func() { close(release) })
	cfg.Middlewares = []message.HandlerMiddleware{func(next message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			enter()
			<-release
			return next(msg)
		}
	}}
	relaying(t, told, pool, js, cfg)
	t.Cleanup(let) // before the relay is told to end
	until(t, told, telemetry.PathReady, http.StatusOK)
	began := time.Now()
	appended(t, pool, 3)
	<-entered
	if status, _ := health(t, told, telemetry.PathLive); time.Since(began) < bound {
		require.Equal(t, http.StatusOK, status, "a batch may take its time")
	}

	report := until(t, told, telemetry.PathLive, http.StatusServiceUnavailable)
	require.Regexp(t, `^relay of stream EVENTS: the batch of positions 1 to 3 has neither been published nor given up for \d+s; restart the process$`,
		failing(report)["relay progress"])
	report = until(t, told, telemetry.PathReady, http.StatusServiceUnavailable)
	require.NotContains(t, failing(report), "relay", "it beats")

	let()
	until(t, told, telemetry.PathLive, http.StatusOK)
	until(t, told, telemetry.PathReady, http.StatusOK)
}

// A hook holds the relay's own loop up: nothing is read, and nothing asked of the database.
func TestRelayWhoseHookHangsIsNotAlive(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	told := started(t)
	cfg := impatient()
	cfg.Wake = eventstore.Notify(time.Second)
	release := make(chan struct{})
	let := sync.OnceFunc(func() { close(release) })
	cfg.Hooks.OnPublished = func(context.Context, publisher.Published) { <-release }
	relaying(t, told, pool, js, cfg)
	t.Cleanup(let) // before the relay is told to end
	until(t, told, telemetry.PathReady, http.StatusOK)
	appended(t, pool, 1)
	require.Eventually(t, func() bool {
		report := until(t, told, telemetry.PathLive, http.StatusServiceUnavailable)
		return strings.Contains(failing(report)["relay progress"], "the leader's loop has not turned")
	}, patience, pause)
	let()
	until(t, told, telemetry.PathLive, http.StatusOK)
}

// There is nothing to restart while the broker is down, and nothing to send to the process either.
func TestRelayThatWaitsForItsBrokerIsAliveAndNotReady(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, broker := natstest.JetStream(t)
	told := started(t)
	cfg := impatient()
	cfg.AckTimeout = bound / 10 // a batch is given up long before it hangs
	relaying(t, told, pool, js, cfg)
	appended(t, pool, 10)
	until(t, told, telemetry.PathReady, http.StatusOK)

	require.NoError(t, broker.Stop())
	appended(t, pool, 10)
	until(t, told, telemetry.PathReady, http.StatusServiceUnavailable)
	require.Never(t, func() bool {
		status, _ := health(t, told, telemetry.PathLive)
		return status != http.StatusOK
	}, 2*bound, 200*time.Millisecond)
	require.Equal(t, "leading", does(until(t, told, telemetry.PathReady, http.StatusServiceUnavailable)))

	require.NoError(t, broker.Restart())
	until(t, told, telemetry.PathReady, http.StatusOK)
}

func TestStandbyIsReady(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	first, second := started(t), started(t)
	relaying(t, first, pool, js, impatient())
	require.Eventually(t, func() bool { return does(until(t, first, telemetry.PathReady, http.StatusOK)) == "leading" }, patience, 10*time.Millisecond)
	standby := relaying(t, second, pool, js, impatient())
	require.Eventually(t, func() bool { return does(until(t, second, telemetry.PathReady, http.StatusOK)) == "standby" }, patience, 10*time.Millisecond)
	until(t, second, telemetry.PathLive, http.StatusOK)

	standby.Pause()
	require.Eventually(t, func() bool { return does(until(t, second, telemetry.PathReady, http.StatusOK)) == "paused" }, patience, 10*time.Millisecond)
}

func TestRelayThatDoesNotRunIsNotReady(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	relay, err := publisher.NewRelay(pool, js, publisher.Config{})
	require.NoError(t, err)
	require.NoError(t, relay.Alive(0))
	_, err = relay.Ready()
	require.EqualError(t, err, "relay of stream EVENTS: it does not run")
}
