package load

import (
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// ledger follows every event that is on its way, and times the parts of it. Times are by the run's clock. It is safe for concurrent use.
type ledger struct {
	room *semaphore.Weighted // of what is on its way, for those who append

	mu      sync.Mutex
	start   time.Duration     // when the first event is due
	flights map[int64]*flight // by the event's number
	judge   *Judge
	series  series
	total   counts
	warm    int64 // events that only warm up: they are judged, not counted
	moved   time.Duration
	lasts   [3]time.Duration // when the last one was appended, published, handled
	newest  time.Duration    // when the newest of those that were begun was due
	late    time.Duration    // how much later it was begun

	appends, publishes, handles, wholes latencies
}

// flight is an event on its way.
type flight struct {
	at   [3]time.Duration // when it was appended, published, handled
	due  time.Duration
	done uint8 // which of these are known, a bit each
	warm bool
}

const allDone = 1<<appended | 1<<published | 1<<handled

func newLedger(cfg Config) *ledger {
	return &ledger{
		room: semaphore.NewWeighted(int64(cfg.Outstanding)), flights: map[int64]*flight{},
		judge: NewJudge(cfg.Streams + 1), series: series{width: cfg.Interval},
		appends: newLatencies(), publishes: newLatencies(), handles: newLatencies(), wholes: newLatencies(),
	}
}

// open says when the first event is due that counts.
func (l *ledger) open(start time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.start = start
}

// begin notes events that are about to be appended, before anybody can see them.
func (l *ledger) begin(t turn, warm bool, at time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !warm && t.due >= l.newest {
		l.newest, l.late = t.due, at-t.due
	}
	for n := range int64(t.events) {
		l.flights[t.first+n] = &flight{due: t.due, warm: warm}
	}
}

// appended notes that they are committed, and up to which version that is of their stream.
func (l *ledger) appended(t turn, stream int, version int64, at time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.judge.Appended(stream, version)
	for n := range int64(t.events) {
		l.note(t.first+n, appended, at)
	}
}

// abandon forgets events whose commit has not been confirmed to the end, except for those that were seen: these were committed.
func (l *ledger) abandon(t turn, at time.Duration) (forgotten int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n := range int64(t.events) {
		if f := l.flights[t.first+n]; f != nil && f.done != 0 {
			l.note(t.first+n, appended, at)
		} else {
			delete(l.flights, t.first+n)
			l.room.Release(1)
			forgotten++
		}
	}
	return forgotten
}

// published notes that the broker has taken an event.
func (l *ledger) published(number int64, at time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note(number, published, at)
}

// handled notes that an event has reached its handler.
func (l *ledger) handled(number int64, stream int, version int64, at time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.judge.Arrived(stream, version)
	l.note(number, handled, at)
}

// note takes the first word for it. What is known of an event on all counts is not on its way any more.
func (l *ledger) note(number int64, what int, at time.Duration) {
	f := l.flights[number]
	if f == nil || f.done&(1<<what) != 0 {
		return
	}
	f.done |= 1 << what
	f.at[what] = at
	l.moved = max(l.moved, at)
	if f.warm {
		l.warm += int64(what / handled)
	} else {
		l.count(f, what, at)
	}
	if what == handled {
		l.room.Release(1)
	}
	if f.done == allDone {
		delete(l.flights, number)
	}
}

// count times what can be timed by now. An event may be seen before its writer hears of the commit: then that part took no time.
func (l *ledger) count(f *flight, what int, at time.Duration) {
	l.series.add(at-l.start, what)
	l.total[what]++
	l.lasts[what] = max(l.lasts[what], at)
	knows := func(other int) bool { return f.done&(1<<other) != 0 }
	if !knows(appended) {
		return
	}
	if what == appended {
		l.appends.record(f.at[appended] - f.due)
	}
	if what != handled && knows(published) {
		l.publishes.record(f.at[published] - f.at[appended])
	}
	if what != published && knows(handled) {
		l.handles.record(f.at[handled] - f.at[appended])
		l.wholes.record(f.at[handled] - f.due)
	}
}

// state is how a run stands.
type state struct {
	total  counts
	warm   int64
	flying int
	moved  time.Duration // when something happened last
}

func (l *ledger) state() state {
	l.mu.Lock()
	defer l.mu.Unlock()
	return state{l.total, l.warm, len(l.flights), l.moved}
}
