package load

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latency is how long one part of the way took, in seconds, over so many events.
type Latency struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p99_9"`
	Max   float64 `json:"max"`
	Mean  float64 `json:"mean"`
}

// Values are recorded in nanoseconds, to three digits, from a microsecond on. What takes longer than the longest counts as that.
const (
	resolution   = time.Microsecond
	longestTaken = 24 * time.Hour
	digits       = 3
)

// latencies is a histogram of durations.
type latencies struct{ histogram *hdrhistogram.Histogram }

func newLatencies() latencies {
	return latencies{hdrhistogram.New(int64(resolution), int64(longestTaken), digits)}
}

// record counts one event. Two clocks may differ by less than they can tell: nothing takes less than no time.
func (l latencies) record(took time.Duration) {
	_ = l.histogram.RecordValue(int64(min(max(took, 0), longestTaken))) // within its range
}

func (l latencies) summary() Latency {
	at := l.histogram.ValueAtPercentilesSlice([]float64{50, 90, 99, 99.9, 100})
	seconds := func(n int64) float64 { return time.Duration(n).Seconds() }
	return Latency{
		Count: l.histogram.TotalCount(), P50: seconds(at[0]), P90: seconds(at[1]), P99: seconds(at[2]), P999: seconds(at[3]), Max: seconds(at[4]),
		Mean: seconds(int64(l.histogram.Mean())),
	}
}
