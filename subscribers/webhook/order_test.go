package webhook_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/webhook"
)

// flaky fails so many of a hundred requests.
func flaky(percent int) func(received, http.ResponseWriter) int {
	return func(received, http.ResponseWriter) int {
		if rand.IntN(100) < percent {
			return http.StatusInternalServerError
		}
		return http.StatusNoContent
	}
}

func TestOrderOfAStreamIsKeptUnderFailures(t *testing.T) {
	t.Parallel()
	for _, concurrency := range []int{1, 8} {
		t.Run(fmt.Sprintf("%d at a time", concurrency), func(t *testing.T) {
			t.Parallel()
			w, to := newWorld(t), newReceiver(t).answering(flaky(20))
			w.add(to, webhook.Endpoint{Concurrency: concurrency, MaxAttempts: 100})
			w.run(quick())
			w.publishMany(300, 7)
			eventually(t, func() bool { return len(to.events()) == 300 })
			to.requireInOrder()
			w.requireSound()
		})
	}
}

func TestOneAtATimeIsInTheOrderOfPlanning(t *testing.T) {
	t.Parallel()
	w, to := newWorld(t), newReceiver(t).answering(flaky(30))
	w.add(to, webhook.Endpoint{MaxAttempts: 100})
	config := quick()
	config.Subscription.Concurrency = 1 // several that plan draw numbers that are not committed in their order
	w.run(config)
	w.publishMany(100, 9)
	eventually(t, func() bool { return len(to.events()) == 100 })
	last := 0
	for _, one := range to.got(0) {
		number := w.count(`SELECT number FROM contrail.deliveries WHERE id = $1`, uuid.MustParse(one.id))
		require.GreaterOrEqual(t, number, last)
		last = number
	}
}

// A stream whose first delivery fails waits, with thousands behind it, and the other streams of the endpoint go on.
func TestAFailingStreamHoldsBackItselfAlone(t *testing.T) {
	t.Parallel()
	w, to := newWorld(t), newReceiver(t)
	var mend sync.Once
	mended := make(chan struct{})
	t.Cleanup(func() { mend.Do(func() { close(mended) }) })
	to.answering(func(r received, _ http.ResponseWriter) int {
		select {
		case <-mended:
		default:
			if r.event.Stream.String() == "invoice-bad" {
				return http.StatusInternalServerError
			}
		}
		return http.StatusNoContent
	})
	endpoint := w.add(to, webhook.Endpoint{Concurrency: 2, MaxAttempts: 100})
	config := quick()
	config.Backoff.Schedule = []time.Duration{200 * time.Millisecond}
	w.run(config)
	for range 1000 {
		w.publish("invoice-bad", "InvoiceDrafted")
	}
	eventually(t, func() bool { return w.standing(endpoint.ID)["pending"] >= 999 })
	w.publishMany(200, 20)
	eventually(t, func() bool { return len(to.events()) == 200 })
	mend.Do(func() { close(mended) })
	eventually(t, func() bool { return len(to.events()) == 1200 })
	to.requireInOrder()
}

func TestADeliveryThatIsGivenUpLetsItsStreamGoOn(t *testing.T) {
	t.Parallel()
	w, to := newWorld(t), newReceiver(t)
	endpoint := w.add(to, webhook.Endpoint{MaxAttempts: 3})
	bad := w.event("invoice-1", "InvoiceDrafted", nil)
	to.answering(func(r received, _ http.ResponseWriter) int {
		if r.event.ID == bad.ID {
			return http.StatusUnprocessableEntity
		}
		return http.StatusNoContent
	})
	w.run(quick())
	w.send(bad)
	next := w.publish("invoice-1", "InvoiceIssued")
	eventually(t, func() bool { return len(to.events()) == 1 })
	require.Equal(t, []uuid.UUID{next.ID}, to.events())
	require.Len(t, to.got(http.StatusUnprocessableEntity), 3)
	eventually(t, func() bool {
		return maps.Equal(map[string]int{"cancelled retries_exhausted": 1, "succeeded": 1}, w.standing(endpoint.ID))
	})
	ids := map[string]bool{}
	for _, one := range to.got(http.StatusUnprocessableEntity) {
		ids[one.id] = true
	}
	require.Len(t, ids, 1, "all attempts of a delivery have the same webhook-id")
}

func TestRetryAfterIsHeeded(t *testing.T) {
	t.Parallel()
	w, to := newWorld(t), newReceiver(t)
	var once sync.Once
	to.answering(func(_ received, answer http.ResponseWriter) int {
		status := http.StatusNoContent
		once.Do(func() {
			answer.Header().Set("Retry-After", "2")
			status = http.StatusTooManyRequests
		})
		return status
	})
	w.add(to, webhook.Endpoint{Concurrency: 4})
	w.run(quick())
	w.publish("invoice-1", "InvoiceDrafted")
	eventually(t, func() bool { return len(to.got(http.StatusTooManyRequests)) == 1 })
	w.publish("invoice-2", "InvoiceDrafted")
	eventually(t, func() bool { return len(to.events()) == 2 })
	asked := to.got(http.StatusTooManyRequests)[0].at
	for _, one := range to.got(http.StatusNoContent) {
		require.GreaterOrEqual(t, one.at.Sub(asked), 2*time.Second-50*time.Millisecond, "the endpoint has asked to be left alone")
	}
}

func TestEverythingEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const endpoints, events, streams = 50, 200, 17
	receivers := make([]*receiver, endpoints)
	for i := range receivers {
		receivers[i] = newReceiver(t).answering(flaky(i % 5 * 10))
		w.add(receivers[i], webhook.Endpoint{Concurrency: 1 + i%4, MaxAttempts: 4})
	}
	w.run(quick())
	w.publishMany(events, streams)
	require.Eventually(t, func() bool {
		return w.count(`SELECT count(*) FROM contrail.deliveries WHERE state IN ('succeeded', 'cancelled')`) == endpoints*events
	}, 5*patience, 200*time.Millisecond)
	require.Zero(t, w.count(`SELECT count(*) FROM contrail.deliveries WHERE state = 'cancelled' AND (reason <> 'retries_exhausted' OR attempts <> 4)`))
	w.requireSound()
	taken := 0
	for _, one := range receivers {
		one.requireInOrder()
		taken += len(one.events())
	}
	require.Equal(t, w.count(`SELECT count(*) FROM contrail.deliveries WHERE state = 'succeeded'`), taken)
}
