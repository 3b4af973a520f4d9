package load

import "time"

// Report is what a run has measured. Seconds are since the first event was due, unless they say otherwise.
type Report struct {
	Run   string    `json:"run"`   // the run's id, with which the part of its streams behind the category begins
	Began time.Time `json:"began"` // when the first event was due
	Asked Asked     `json:"asked"`

	Seconds      float64 `json:"seconds"`       // how long it appended
	Due          int64   `json:"due"`           // events that were due by then; with a rate of zero those that were appended
	Appended     int64   `json:"appended"`      // events whose commit was confirmed
	Published    int64   `json:"published"`     // of these, those that the stream took
	Handled      int64   `json:"handled"`       // of these, those that arrived
	Throughput   Rates   `json:"per_second"`    // until the last event was appended, published, handled
	Retries      int64   `json:"retries"`       // appends that were tried again
	Abandoned    int64   `json:"abandoned"`     // events whose append could not be confirmed at all
	HeldBack     int64   `json:"held_back"`     // transactions that waited since Config.Outstanding events were on their way
	ClockSeconds float64 `json:"clock_seconds"` // how far the broker's clock is ahead of ours; publish has it taken out

	Latency   Latencies  `json:"latency_seconds"`
	Intervals []Interval `json:"intervals"`

	Lost        int64 `json:"lost"`         // events that did not arrive
	Doubled     int64 `json:"doubled"`      // arrivals of events that had arrived before
	OutOfOrder  int64 `json:"out_of_order"` // events that arrived after later ones of their streams
	Outstanding int64 `json:"outstanding"`  // events that were still on their way when the run was interrupted
	RateMissed  bool  `json:"rate_missed"`  // by more than a tenth
	Interrupted bool  `json:"interrupted"`
	OK          bool  `json:"ok"` // none was lost, doubled, out of order or abandoned, and the rate was kept
}

// Asked is what the run was to do.
type Asked struct {
	Rate            float64 `json:"rate"`
	Size            int     `json:"size"`
	Streams         int     `json:"streams"`
	Concurrency     int     `json:"concurrency"`
	Batch           int     `json:"batch"`
	DurationSeconds float64 `json:"duration_seconds"` // 0: no bound
	Count           int64   `json:"count"`            // 0: no bound
}

// Rates are events a second.
type Rates struct {
	Appended  float64 `json:"appended"`
	Published float64 `json:"published"`
	Handled   float64 `json:"handled"`
}

// Latencies are those of the parts of the way, and of the whole. The package says from where to where each is.
type Latencies struct {
	Append   Latency `json:"append"`
	Publish  Latency `json:"publish"`
	Handle   Latency `json:"handle"`
	EndToEnd Latency `json:"end_to_end"`
}

// A rate is kept when so much of what was due was appended, and the newest event was begun so soon that it took no more time than the rate allows for. To be
// late by less than a second is no matter of the rate, where it is not the schedule that has ended the run.
const (
	keptRate  = 0.9
	leastLate = time.Second
)

func (r *run) report(interrupted bool) Report {
	l, c, start := r.ledger, r.config, r.schedule.start
	l.mu.Lock()
	defer l.mu.Unlock()
	found := l.judge.Findings()
	report := Report{
		Run: r.identity.text, Began: r.clock.began.Add(start).UTC(),
		Asked: Asked{c.Rate, c.Size, c.Streams, c.Concurrency, c.Batch, c.Duration.Seconds(), c.Count},

		Seconds: (r.written - start).Seconds(), Due: r.schedule.dueBy(r.written),
		Appended: l.total[appended], Published: l.total[published], Handled: l.total[handled],
		Throughput: Rates{l.rate(appended), l.rate(published), l.rate(handled)},
		Retries:    r.writers.retries.Load(), Abandoned: r.writers.abandoned.Load(), HeldBack: r.writers.held.Load(), ClockSeconds: r.clock.ahead.Seconds(),

		Latency:   Latencies{l.appends.summary(), l.publishes.summary(), l.handles.summary(), l.wholes.summary()},
		Intervals: l.series.report(max(r.written, l.moved) - start),

		Lost: found.Missing + found.Behind, Doubled: found.Doubled, OutOfOrder: found.OutOfOrder, Interrupted: interrupted,
	}
	if interrupted {
		report.Lost, report.Outstanding = found.Missing, found.Behind
	}
	if c.Rate == 0 {
		report.Due = report.Appended
	}
	report.RateMissed = r.missedRate(report)
	report.OK = report.Lost+report.Doubled+report.OutOfOrder+report.Abandoned == 0 && !report.RateMissed
	return report
}

// missedRate is asked with the ledger locked.
func (r *run) missedRate(report Report) bool {
	if r.config.Rate == 0 {
		return false
	}
	due := report.Due
	if report.Interrupted {
		due = r.schedule.dueBy(r.written - leastLate)
	}
	allowed := time.Duration((1/keptRate - 1) * float64(r.ledger.newest-r.schedule.start))
	return float64(report.Appended) < keptRate*float64(due) || r.ledger.late > max(leastLate, allowed)
}

// rate is events a second, from when the first was due until the last one.
func (l *ledger) rate(what int) float64 {
	took := (l.lasts[what] - l.start).Seconds()
	if took <= 0 {
		return 0
	}
	return float64(l.total[what]) / took
}
