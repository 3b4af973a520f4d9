package eventstore_test

import (
	"fmt"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
)

// fate is what became of an event, as its writer knows it.
type fate int

const (
	unwritten  fate = iota // nobody in the storm has written it
	rolledBack             // it must not be there
	committed              // it must be there, and be read once
	doubtful               // the connection was lost while it committed: it may be there
)

// ledger is what all the writers know of their own transactions.
type ledger struct {
	mu      sync.Mutex
	fates   map[uuid.UUID]fate
	at      map[uuid.UUID]time.Time // when the commit returned
	spans   []span                  // of all transactions that wrote
	outages []span
}

// span is from before a transaction's first insert until its end was known.
type span struct{ began, ended time.Time }

func newLedger() *ledger {
	return &ledger{fates: make(map[uuid.UUID]fate), at: make(map[uuid.UUID]time.Time)}
}

// outage notes that the server was down until now.
func (l *ledger) outage(down time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.outages = append(l.outages, span{down, time.Now()})
}

// begin opens a page for a transaction that is about to write.
func (l *ledger) begin() *page { return &page{ledger: l, began: time.Now()} }

// page is one transaction's.
type page struct {
	ledger *ledger
	began  time.Time
	ids    []uuid.UUID
	gone   []uuid.UUID // rolled back with a savepoint
}

// id makes the id of an event that is about to be written.
func (p *page) id() uuid.UUID {
	id := uuid.New()
	p.ids = append(p.ids, id)
	return id
}

// backTo notes that a savepoint was rolled back which began when there were n ids.
func (p *page) backTo(n int) {
	p.gone = append(p.gone, p.ids[n:]...)
	p.ids = p.ids[:n:n]
}

// end notes what became of the transaction.
func (p *page) end(outcome fate) {
	l := p.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.spans = append(l.spans, span{p.began, now})
	for _, id := range p.ids {
		l.fates[id], l.at[id] = outcome, now
	}
	for _, id := range p.gone {
		l.fates[id] = rolledBack
	}
}

// audit compares the fates with what the table holds, by id.
func (l *ledger) audit(table []contrail.Recorded) (found []string) {
	there := make(map[uuid.UUID]bool)
	for _, event := range table {
		there[event.ID] = true
		if fate := l.fates[event.ID]; fate < committed && event.Stream != endOfStorm {
			found = append(found, fmt.Sprintf("position %d is there (%s), though it was not committed", event.Position, event.Stream))
		}
	}
	for id, fate := range l.fates {
		if fate == committed && !there[id] {
			found = append(found, fmt.Sprintf("event %s was committed, and is not there", id))
		}
	}
	return found
}

// delays measures how late each committed event was read: after its commit, and after the first moment at which nothing stood in the way any
// more, neither an appender that had begun before that commit nor a server that was down.
func (l *ledger) delays(readings []reading) (afterCommit, afterReady []time.Duration) {
	slices.SortFunc(l.spans, func(a, b span) int { return a.began.Compare(b.began) })
	latest := make([]time.Time, len(l.spans)+1) // when all the first n had ended
	for i, span := range l.spans {
		latest[i+1] = later(latest[i], span.ended)
	}
	for _, reading := range readings {
		if l.fates[reading.event.ID] != committed {
			continue
		}
		commit := l.at[reading.event.ID]
		begun := sort.Search(len(l.spans), func(i int) bool { return l.spans[i].began.After(commit) })
		ready := later(commit, latest[begun])
		for _, outage := range l.outages {
			if outage.began.Before(ready.Add(time.Second)) && outage.ended.After(ready) && outage.began.Before(reading.at) {
				ready = outage.ended
			}
		}
		afterCommit = append(afterCommit, reading.at.Sub(commit))
		afterReady = append(afterReady, reading.at.Sub(ready))
	}
	return afterCommit, afterReady
}

// slowest is the longest that a transaction took from its first insert.
func (l *ledger) slowest() (longest time.Duration) {
	for _, span := range l.spans {
		longest = max(longest, span.ended.Sub(span.began))
	}
	return longest
}

func (l *ledger) count(of fate) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, fate := range l.fates {
		if fate == of {
			n++
		}
	}
	return n
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
