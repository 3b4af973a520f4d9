package telemetry_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/telemetry"
	"github.com/contrail-events/contrail/subscribers"
)

// stuckKeys never answer.
type stuckKeys struct{ release <-chan struct{} }

func (k stuckKeys) Open(context.Context, []contrail.Recorded) error {
	<-k.release
	return nil
}

// A handler that hangs is given up; what hangs beside the handlers only a restart mends.
func TestSubscriptionThatHangsIsNotAlive(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	told := started(t)
	release := make(chan struct{})
	subscription, err := subscribers.New(js, subscribers.Config{
		Durable: "guests", Inbox: subscribers.NewInbox(pool), HandlerTimeout: 100 * time.Millisecond, Keys: stuckKeys{release},
		Backoff: subscribers.Backoff{Min: time.Millisecond, Max: time.Millisecond},
	})
	require.NoError(t, err)
	subscribers.HandleTx(subscription, func(context.Context, pgx.Tx, contrail.Delivered[welcome]) error { return nil })
	told.Health().Alive("subscription progress", func(context.Context) (string, error) { return "no loop hangs", subscription.Alive(bound) })
	told.Health().Ready("subscription", func(context.Context) (string, error) { return subscription.Ready() })
	report := until(t, told, telemetry.PathReady, http.StatusServiceUnavailable)
	require.Equal(t, "subscription guests: it does not run", failing(report)["subscription"])
	running(t, subscription.Run)
	require.Eventually(t, func() bool {
		return failing(until(t, told, telemetry.PathReady, http.StatusServiceUnavailable))["subscription"] != "subscription guests: it does not run"
	}, patience, pause, "the stream is missing")
	relaying(t, told, pool, js, impatient())
	let := sync.OnceFunc(func() { close(release) })
	t.Cleanup(let)
	until(t, told, telemetry.PathReady, http.StatusOK)

	exec(t, pool, `INSERT INTO contrail.events (stream, version, type, data, metadata) VALUES ('test-one', 1, 'Welcome',
		'{"protected": "", "aad": "", "iv": "", "ciphertext": "", "tag": ""}', '{"key_id": "k"}')`)
	report = until(t, told, telemetry.PathLive, http.StatusServiceUnavailable)
	require.Regexp(t, `^subscription guests: the workers have not got on for \d+s; restart the process$`, failing(report)["subscription progress"])
	let()
	until(t, told, telemetry.PathLive, http.StatusOK)
}
