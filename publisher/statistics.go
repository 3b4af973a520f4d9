package publisher

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/contrail-events/contrail"
)

const (
	// rateWindow is the shortest time that a rate is taken over: beats may follow each other closely.
	rateWindow = time.Second / 2
	// brokerPatience bounds the question for the broker's round trip.
	brokerPatience = 2 * time.Second
	// maxErrorBytes bounds the text of the last error.
	maxErrorBytes = 4096
)

// report is what a relay tells in one beat, by the names of the columns of contrail.relay_processes. Times are in seconds.
type report struct {
	State       string             `json:"state"`
	Published   int64              `json:"published"`
	Parked      int64              `json:"parked"`
	Retried     int64              `json:"retried"`
	Position    *contrail.Position `json:"position"` // nil: it does not lead, and knows no better than contrail.relays
	Rate        float64            `json:"rate"`
	Latency     float64            `json:"latency"`
	CPU         float64            `json:"cpu"`
	RSS         uint64             `json:"rss"`
	DatabaseRTT float64            `json:"database_rtt"`
	BrokerRTT   float64            `json:"broker_rtt"`
	LastError   string             `json:"last_error"`

	percentiles
}

// statistics are a relay's counters and measurements. All methods may be called at once, and none waits for anybody, but for measure.
type statistics struct {
	every time.Duration // between two measurements

	mu       sync.Mutex
	report   report
	taking   latencies
	skew     time.Duration // what the database's clock is ahead of ours
	counted  int64         // published when the rate was taken last
	taken    time.Time     // when that was
	measured time.Time     // when measure was called last
	cpu      float64       // seconds of CPU used by then
}

func newStatistics(every time.Duration) *statistics {
	return &statistics{every: every, taking: newLatencies(), taken: time.Now()}
}

// addPublished counts the events of a batch, and returns the clock that measures them.
func (s *statistics) addPublished(b *batch, at contrail.Position) (measured clock) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Published += int64(len(b.events))
	if b.resent == nil { // otherwise these are old events, on their second way
		measured.acknowledged = b.acknowledged.Add(s.skew)
	}
	s.report.Position = &at
	for _, event := range b.events {
		if took, known := measured.latency(event); known {
			s.taking.add(took)
			s.report.Latency = took.Seconds()
		}
	}
	return measured
}

func (s *statistics) addParked(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Parked += int64(n)
}

func (s *statistics) addRetried(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Retried++
	if err != nil {
		text := err.Error()
		s.report.LastError = storable(text[:min(len(text), maxErrorBytes)])
	}
}

// leadsNoMore forgets the position: others move on from it.
func (s *statistics) leadsNoMore() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Position = nil
}

// tell returns what a beat tells.
func (s *statistics) tell(state string) report {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if elapsed := now.Sub(s.taken); elapsed >= rateWindow {
		s.report.Rate = float64(s.report.Published-s.counted) / elapsed.Seconds()
		s.counted, s.taken = s.report.Published, now
	}
	s.report.percentiles = s.taking.take(s.report.percentiles)
	told := s.report
	told.State = state
	return told
}

// answered notes how long a beat took, and how far the database's clock is from ours: what that clock said was about half-way.
func (s *statistics) answered(sent, received, clock time.Time) {
	took := received.Sub(sent)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.DatabaseRTT = took.Seconds()
	s.skew = clock.Sub(sent.Add(took / 2))
}

// rest is the time until the next measurement.
func (s *statistics) rest() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.every - time.Since(s.measured)
}

// measure asks the system for this process's use of CPU and memory, and the broker for an answer, which may take brokerPatience. What nobody
// can tell is 0.
func (s *statistics) measure(ctx context.Context, broker *nats.Conn) {
	cpu, rss := usage()
	now := time.Now()
	rtt := roundTrip(ctx, broker)
	s.mu.Lock()
	defer s.mu.Unlock()
	if elapsed := now.Sub(s.measured).Seconds(); !s.measured.IsZero() && elapsed > 0 {
		s.report.CPU = max(cpu-s.cpu, 0) / elapsed
	}
	s.measured, s.cpu = now, cpu
	s.report.RSS, s.report.BrokerRTT = rss, rtt.Seconds()
}

// roundTrip is nats.go's RTT, but bounded, and at an end with ctx.
func roundTrip(ctx context.Context, broker *nats.Conn) time.Duration {
	if broker == nil || !broker.IsConnected() {
		return 0
	}
	ctx, cancel := context.WithTimeout(ctx, brokerPatience)
	defer cancel()
	sent := time.Now()
	if err := broker.FlushWithContext(ctx); err != nil {
		return 0
	}
	return time.Since(sent)
}
