package webhook_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/webhook"
)

// measured is how the healthy endpoints were served.
type measured struct {
	rate float64       // requests a second
	p99  time.Duration // from publishing to the request
}

// measure publishes events at a steady pace to eight healthy endpoints, and hung ones beside them that never answer.
func measure(t *testing.T, hung int) measured {
	t.Helper()
	const healthy, events = 8, 200
	w := newWorld(t)
	release := make(chan struct{})
	for range hung {
		to := newReceiver(t).answering(func(received, http.ResponseWriter) int {
			<-release
			return http.StatusNoContent
		})
		w.add(to, webhook.Endpoint{Concurrency: 64, Timeout: 30 * time.Second})
	}
	receivers := make([]*receiver, healthy)
	for i := range receivers {
		receivers[i] = newReceiver(t)
		w.add(receivers[i], webhook.Endpoint{Concurrency: 2})
	}
	stop := w.run(quick())
	begun := time.Now()
	w.publishMany(events, 40)
	for _, to := range receivers {
		eventually(t, func() bool { return len(to.events()) == events })
	}
	took := time.Since(begun)
	close(release)
	stop()
	var delays []time.Duration
	for _, to := range receivers {
		for _, one := range to.got(0) {
			delays = append(delays, one.at.Sub(one.event.RecordedAt))
		}
	}
	slices.Sort(delays)
	return measured{rate: float64(len(delays)) / took.Seconds(), p99: delays[len(delays)*99/100]}
}

//nolint:paralleltest // it measures
func TestAnEndpointThatHangsSlowsNoOther(t *testing.T) {
	without, with := measure(t, 0), measure(t, 1)
	t.Logf("without: %.0f/s, p99 %v; with one that hangs: %.0f/s, p99 %v", without.rate, without.p99, with.rate, with.p99)
	require.Less(t, with.p99, 15*time.Second, "the others waited for the one that hangs, whose requests take 30 s")
}
