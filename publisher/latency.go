package publisher

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/contrail-events/contrail"
)

// clock tells how long an event took until the broker acknowledged it: by the database's clock, which wrote down when it was recorded. The zero value
// tells of none.
type clock struct{ acknowledged time.Time }

func (c clock) latency(event contrail.Recorded) (took time.Duration, known bool) {
	if c.acknowledged.IsZero() || event.RecordedAt.IsZero() {
		return 0, false
	}
	return max(c.acknowledged.Sub(event.RecordedAt), 0), true
}

const (
	// resolution and longestLatency bound what the percentiles tell apart: a relay may have been down for weeks. longestLatency stands for more.
	resolution     = time.Microsecond
	longestLatency = 1000 * time.Hour
	// latencyDigits are the significant ones: 1 %, in some 40 KiB.
	latencyDigits = 2
)

// latencies are those of the events that were published since the last beat, in an HDR histogram (Gil Tene), so that the slowest of many count.
type latencies struct{ histogram *hdrhistogram.Histogram }

func newLatencies() latencies {
	return latencies{hdrhistogram.New(1, int64(longestLatency/resolution), latencyDigits)}
}

func (l latencies) add(took time.Duration) {
	_ = l.histogram.RecordValue(int64(max(min(took, longestLatency), resolution) / resolution)) // it is within the bounds
}

// percentiles of latencies, in seconds, by the names of the columns of contrail.relay_processes.
type percentiles struct {
	P50 float64 `json:"latency_p50"`
	P90 float64 `json:"latency_p90"`
	P99 float64 `json:"latency_p99"`
	Max float64 `json:"latency_max"`
}

// take returns the percentiles, and begins anew. Where nothing was added since it returns those from before.
func (l latencies) take(before percentiles) percentiles {
	if l.histogram.TotalCount() == 0 {
		return before
	}
	defer l.histogram.Reset()
	at := func(percent float64) float64 {
		return (time.Duration(l.histogram.ValueAtPercentile(percent)) * resolution).Seconds()
	}
	return percentiles{P50: at(50), P90: at(90), P99: at(99), Max: at(100)}
}
