package webhook_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/subscribers/webhook"
)

func TestCircuitOpensProbesAndCloses(t *testing.T) {
	t.Parallel()
	w, to := newWorld(t), newReceiver(t).answering(always(http.StatusBadGateway))
	endpoint := w.add(to, webhook.Endpoint{MaxAttempts: 4, Concurrency: 3})
	config := quick()
	config.Backoff.Schedule = []time.Duration{time.Millisecond, time.Millisecond, time.Hour}
	config.Circuit = webhook.Circuit{Failures: 3, ProbeMin: 20 * time.Millisecond, ProbeMax: 60 * time.Millisecond}
	w.run(config)
	first := w.publish("invoice-1", "InvoiceDrafted")
	eventually(t, func() bool { return w.get(endpoint.ID).OpenedAt != nil })

	before := len(to.got(0))
	for range 5 {
		w.publishMany(5, 5)
	}
	eventually(t, func() bool { return len(to.got(0)) >= before+6 })
	for _, probe := range to.got(0)[before:] {
		require.Equal(t, first.ID, probe.event.ID, "only the oldest is probed with")
	}
	now := w.get(endpoint.ID)
	require.NotNil(t, now.ProbeAt)
	require.Contains(t, now.LastError, "502")
	require.GreaterOrEqual(t, now.Failures, 8)
	require.Empty(t, w.standing(endpoint.ID)["cancelled retries_exhausted"], "probes alone don't use up the attempts")

	to.answering(nil)
	eventually(t, func() bool { return len(to.events()) == 26 })
	eventually(t, func() bool { return w.standing(endpoint.ID)["succeeded"] == 26 })
	eventually(t, func() bool { return w.get(endpoint.ID).Failures == 0 })
	now = w.get(endpoint.ID)
	require.Nil(t, now.OpenedAt)
	require.Nil(t, now.FailingSince)
	to.requireInOrder()
	w.requireSound()
}

func TestProbesWaitLongerAndLonger(t *testing.T) {
	t.Parallel()
	w, to := newWorld(t), newReceiver(t).answering(always(http.StatusInternalServerError))
	w.add(to, webhook.Endpoint{})
	config := quick()
	config.Circuit = webhook.Circuit{Failures: 1, ProbeMin: 100 * time.Millisecond, ProbeMax: 400 * time.Millisecond}
	w.run(config)
	w.publish("invoice-1", "InvoiceDrafted")
	eventually(t, func() bool { return len(to.got(0)) >= 6 })
	for i, least := range []int64{100, 200, 400, 400, 400} {
		apart := to.got(0)[i+1].at.Sub(to.got(0)[i].at)
		require.GreaterOrEqual(t, apart.Milliseconds(), least-20)
	}
}

// What waits for its next attempt when the circuit closes does not wait any longer.
func TestWhatWaitsIsDueWhenTheCircuitCloses(t *testing.T) {
	t.Parallel()
	w, to := newWorld(t), newReceiver(t).answering(always(http.StatusInternalServerError))
	endpoint := w.add(to, webhook.Endpoint{Concurrency: 4})
	config := quick()
	config.Backoff.Schedule = []time.Duration{time.Hour}
	config.Circuit = webhook.Circuit{Failures: 4, ProbeMin: 50 * time.Millisecond}
	w.run(config)
	w.publishMany(4, 4)
	eventually(t, func() bool { return w.get(endpoint.ID).OpenedAt != nil })
	to.answering(nil)
	eventually(t, func() bool { return len(to.events()) == 4 })
}

// appending is an Append that fails as often as it is told to.
func appending(t *testing.T, store *eventstore.Store, failures int32) func(context.Context, pgx.Tx, contrail.StreamID, ...contrail.Event) error {
	t.Helper()
	var left atomic.Int32
	left.Store(failures)
	return func(ctx context.Context, tx pgx.Tx, stream contrail.StreamID, events ...contrail.Event) error {
		if left.Add(-1) >= 0 {
			return errors.New("not now")
		}
		_, err := store.Append(ctx, tx, stream, eventstore.Any, events...)
		return err
	}
}

func TestAnEndpointThatFailsForLongIsDisabledWithAnEvent(t *testing.T) {
	t.Parallel()
	w, to := newWorld(t), newReceiver(t).answering(always(http.StatusServiceUnavailable))
	healthy := newReceiver(t)
	w.add(healthy, webhook.Endpoint{Tenant: "acme"})
	endpoint := w.add(to, webhook.Endpoint{Tenant: "acme", Concurrency: 2, MaxAttempts: 100})
	config := quick()
	config.Circuit = webhook.Circuit{Failures: 2, ProbeMin: 30 * time.Millisecond, ProbeMax: 30 * time.Millisecond}
	config.DisableAfter = 300 * time.Millisecond
	store, err := eventstore.New(eventstore.Config{})
	require.NoError(t, err)
	config.Append = appending(t, store, 2)
	w.run(config)
	for range 10 {
		w.send(w.event("invoice-1", "InvoiceDrafted", contrail.Metadata{contrail.KeyTenantID: "acme"}))
	}
	eventually(t, func() bool { return w.get(endpoint.ID).State == webhook.StateDisabled })
	eventually(t, func() bool { return w.standing(endpoint.ID)["cancelled endpoint_disabled"] == 10 })
	now := w.get(endpoint.ID)
	require.Contains(t, now.Reason, "it has failed since")
	require.Contains(t, now.Reason, "503")
	require.NotNil(t, now.DisabledAt)
	eventually(t, func() bool { return w.get(endpoint.ID).HeldBy == "" })

	events := []contrail.Recorded{}
	for event, err := range store.Load(t.Context(), w.pool, contrail.NewStreamID("webhook", endpoint.ID.String()), 0) {
		require.NoError(t, err)
		events = append(events, event)
	}
	require.Len(t, events, 1, "what failed was rolled back with the rest")
	require.Equal(t, "WebhookDisabled", events[0].Type)
	require.Equal(t, "acme", events[0].Metadata[contrail.KeyTenantID])
	require.Contains(t, string(events[0].Data), endpoint.ID.String())

	eventually(t, func() bool { return len(healthy.events()) == 10 })
	w.send(w.event("invoice-1", "InvoiceDrafted", contrail.Metadata{contrail.KeyTenantID: "acme"}))
	eventually(t, func() bool { return len(healthy.events()) == 11 })
	require.Equal(t, 10, w.count(`SELECT count(*) FROM contrail.deliveries WHERE recipient = $1`, endpoint.ID.String()), "nothing is planned for it")
	w.requireSound()
}

func TestAnEndpointThatIsGoneIsDisabled(t *testing.T) {
	t.Parallel()
	w, to := newWorld(t), newReceiver(t).answering(always(http.StatusGone))
	endpoint := w.add(to, webhook.Endpoint{})
	w.run(quick())
	w.publishMany(5, 2)
	eventually(t, func() bool { return w.get(endpoint.ID).State == webhook.StateDisabled })
	require.Contains(t, w.get(endpoint.ID).Reason, "410")
	eventually(t, func() bool {
		s := w.standing(endpoint.ID)
		return len(s) == 1 && s["cancelled endpoint_disabled"] > 0
	})
	require.Len(t, to.got(0), 1)
	w.requireSound()
}
