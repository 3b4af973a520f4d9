package load

import "time"

// Interval is what happened in a stretch of the run.
type Interval struct {
	From      float64 `json:"from_seconds"` // since the first event was due
	Seconds   float64 `json:"seconds"`
	Appended  int64   `json:"appended"`
	Published int64   `json:"published"`
	Handled   int64   `json:"handled"`
}

// counts are events by what became of them.
type counts [3]int64

// What becomes of an event, in this order as seen from the database.
const (
	appended = iota
	published
	handled
)

// series counts by intervals of equal length. When there are too many, each two become one.
type series struct {
	width     time.Duration
	intervals []counts
}

const mostIntervals = 1024

func (s *series) add(at time.Duration, what int) {
	nth := int(max(at, 0) / s.width)
	for nth >= mostIntervals {
		s.fold()
		nth = int(max(at, 0) / s.width)
	}
	for len(s.intervals) <= nth {
		s.intervals = append(s.intervals, counts{})
	}
	s.intervals[nth][what]++
}

func (s *series) fold() {
	s.width *= 2
	folded := s.intervals[:0]
	for i := 0; i < len(s.intervals); i += 2 {
		sum := s.intervals[i]
		if i+1 < len(s.intervals) {
			for what, n := range s.intervals[i+1] {
				sum[what] += n
			}
		}
		folded = append(folded, sum)
	}
	s.intervals = folded
}

// report ends with the run: its last interval may be shorter.
func (s *series) report(end time.Duration) []Interval {
	all := make([]Interval, 0, len(s.intervals))
	for i, n := range s.intervals {
		from := time.Duration(i) * s.width
		all = append(all, Interval{
			From: from.Seconds(), Seconds: min(s.width, max(end-from, 0)).Seconds(), Appended: n[appended], Published: n[published], Handled: n[handled],
		})
	}
	return all
}
