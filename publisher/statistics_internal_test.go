package publisher

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
)

func event(position int64, recordedAt time.Time) contrail.Recorded {
	return contrail.Recorded{Position: contrail.Position(position), RecordedAt: recordedAt}
}

// acknowledged is a batch of events that was acknowledged just now.
func acknowledged(events ...contrail.Recorded) *batch {
	return &batch{events: events, acknowledged: time.Now()}
}

// A rate is taken over the time between two beats, unless they follow each other so closely that it would mean nothing.
func TestRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStatistics(maxHeartbeat)
		s.addPublished(acknowledged(make([]contrail.Recorded, 100)...), 100)
		time.Sleep(2 * time.Second) //nolint:forbidigo // the bubble's clock
		require.InDelta(t, 50, s.tell(stateLeading).Rate, 0.001)
		s.addPublished(acknowledged(make([]contrail.Recorded, 100)...), 200)
		time.Sleep(time.Millisecond) //nolint:forbidigo // likewise
		require.InDelta(t, 50, s.tell(stateLeading).Rate, 0.001)
		time.Sleep(time.Second - time.Millisecond) //nolint:forbidigo // likewise
		require.InDelta(t, 100, s.tell(stateLeading).Rate, 0.001)
		time.Sleep(time.Hour) //nolint:forbidigo // likewise
		require.Zero(t, s.tell(stateLeading).Rate)
	})
}

// Latency is told by the database's clock, wherever ours stands.
func TestLatencyByTheDatabasesClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, skew := range []time.Duration{-time.Hour, 0, time.Hour} {
			s := newStatistics(maxHeartbeat)
			sent := time.Now()
			s.answered(sent, sent.Add(4*time.Millisecond), sent.Add(2*time.Millisecond+skew))
			s.addPublished(acknowledged(event(1, time.Now().Add(skew-30*time.Millisecond))), 1)
			require.InDelta(t, 0.030, s.tell(stateLeading).Latency, 1e-9)
			require.InDelta(t, 0.004, s.tell(stateLeading).DatabaseRTT, 1e-9)
			s.addPublished(acknowledged(contrail.Recorded{}), 2)
			require.InDelta(t, 0.030, s.tell(stateLeading).Latency, 1e-9, "an event without a time is not measured")
			again := acknowledged(event(1, time.Now().Add(skew-time.Hour)))
			again.resent = []string{"requeue"}
			s.addPublished(again, 2)
			require.InDelta(t, 0.030, s.tell(stateLeading).Latency, 1e-9, "nor one that is published again, behind the cursor")
			s.addPublished(acknowledged(event(3, time.Now().Add(skew+time.Second))), 3)
			require.Zero(t, s.tell(stateLeading).Latency, "nothing is acknowledged before it was appended")
		}
	})
}

// CPU is what was used between two measurements, in cores.
func TestUsage(t *testing.T) {
	t.Parallel()
	s := newStatistics(maxHeartbeat)
	s.measure(t.Context(), nil)
	require.Zero(t, s.tell(stateLeading).CPU, "nothing to compare with")
	require.Positive(t, s.tell(stateLeading).RSS)
	require.InDelta(t, maxHeartbeat, s.rest(), float64(maxHeartbeat))
	for began := time.Now(); time.Since(began) < 50*time.Millisecond; { // burns
	}
	s.measure(t.Context(), nil)
	require.Positive(t, s.tell(stateLeading).CPU)
	require.Zero(t, s.tell(stateLeading).BrokerRTT)
}

// The last error is text that PostgreSQL keeps, and stays when things have mended.
func TestLastError(t *testing.T) {
	t.Parallel()
	s := newStatistics(maxHeartbeat)
	s.addRetried(errors.New("b\x00ad\xff" + strings.Repeat("ü", maxErrorBytes)))
	text := s.tell(stateLeading).LastError
	require.True(t, strings.HasPrefix(text, "badü"))
	require.True(t, utf8.ValidString(text))
	require.LessOrEqual(t, len(text), maxErrorBytes)
	s.addRetried(nil)
	require.Equal(t, text, s.tell(stateLeading).LastError)
	require.EqualValues(t, 2, s.tell(stateLeading).Retried)
}

// Whoever counts, nothing is lost, and whoever reads meanwhile sees counters that only grow.
func TestCountersAtomic(t *testing.T) {
	t.Parallel()
	s := newStatistics(maxHeartbeat)
	var counting sync.WaitGroup
	var over atomic.Bool
	for range 8 {
		counting.Go(func() {
			for n := range 1000 {
				s.addPublished(acknowledged(event(int64(n), time.Now()), event(int64(n), time.Now())), 1)
				s.addParked(1)
				s.addRetried(context.Canceled)
			}
		})
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for last := int64(0); !over.Load(); {
			now := s.tell(stateLeading).Published
			if now < last {
				t.Errorf("%d after %d", now, last)
			}
			last = now
		}
	}()
	counting.Wait()
	over.Store(true)
	<-read
	told := s.tell(stateStandby)
	require.Equal(t, []int64{16000, 8000, 8000}, []int64{told.Published, told.Parked, told.Retried})
}
