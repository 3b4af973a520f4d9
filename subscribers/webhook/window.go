package webhook

import (
	"maps"
	"slices"
	"time"

	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// window is what is in memory of an endpoint's open deliveries: the first ones, in the order in which they were planned. It decides which may be
// attempted now. Its lane's goroutine alone uses it.
type window struct {
	serial  bool                 // one after another, whatever their streams
	ready   []deliveries.Due     // in order
	running map[int64]string     // the sequences of what is under way here, by number
	busy    map[string]bool      // the sequences in which something is under way here
	waiting map[string]time.Time // the sequences whose first delivery waits, until then; zero: for another process
	more    bool                 // there are later ones in the ledger
	queued  map[string]bool      // the sequences that were among ready when the window was read
	cut     map[string]bool      // those of them of which only the first ones are there, since a later one waits for something else
}

func newWindow(serial bool) *window {
	return &window{
		serial: serial, running: map[int64]string{}, busy: map[string]bool{}, waiting: map[string]time.Time{},
		queued: map[string]bool{}, cut: map[string]bool{},
	}
}

// sequence is what the order holds within: the stream of events or, in a serial window, everything.
func (w *window) sequence(d deliveries.Due) string {
	if w.serial {
		return ""
	}
	return d.Stream
}

// clear forgets all but what is under way, and what still waits.
func (w *window) clear(waiting map[string]time.Time) {
	w.ready, w.more = nil, false
	clear(w.queued)
	clear(w.cut)
	clear(w.waiting)
	maps.Copy(w.waiting, waiting)
}

// stillWaiting are the sequences that wait until a time that has not come.
func (w *window) stillWaiting(now time.Time) map[string]time.Time {
	still := map[string]time.Time{}
	for sequence, until := range w.waiting {
		if until.IsZero() || until.After(now) {
			still[sequence] = until
		}
	}
	return still
}

// fill takes in the next deliveries of the ledger, in order. eager: the time to wait after a failure counts for nothing, as for a probe.
func (w *window) fill(page []deliveries.Due, now time.Time, eager bool) {
	for _, d := range page {
		sequence := w.sequence(d)
		_, waits := w.waiting[sequence]
		_, ours := w.running[d.Number]
		switch {
		case ours || waits || w.cut[sequence]:
		case d.State == deliveries.Failed && d.At.IsZero(): // held for a person; the others don't wait for that
		case isDue(d, now) || eager && isRetried(d):
			w.ready = append(w.ready, d)
			w.queued[sequence] = true
		case w.queued[sequence]:
			w.cut[sequence], w.more = true, true
		default: // the first of its sequence, or the next behind what is under way here
			w.waiting[sequence] = d.At // zero if another process has it
		}
	}
}

// isDue tells whether a delivery may be attempted. One that was planned for no later time is due from the start, whatever clock says when that was.
func isDue(d deliveries.Due, now time.Time) bool {
	switch d.State {
	case deliveries.Pending:
		return d.Reason == "" || !d.At.After(now)
	case deliveries.Failed:
		return !d.At.After(now)
	case deliveries.Dispatched, deliveries.Succeeded, deliveries.Suppressed, deliveries.Cancelled:
	}
	return false
}

// isRetried tells whether a delivery waits for nothing but the next attempt. One that a rule has put off waits for what the rule says.
func isRetried(d deliveries.Due) bool {
	return d.State == deliveries.Failed &&
		(d.Reason == deliveries.ReasonTemporary || d.Reason == deliveries.ReasonUnknown || d.Reason == deliveries.ReasonAmbiguous)
}

// next takes out the first delivery that may be attempted now, and counts it as under way.
func (w *window) next() (deliveries.Due, bool) {
	for i, d := range w.ready {
		sequence := w.sequence(d)
		if _, waits := w.waiting[sequence]; waits || w.busy[sequence] {
			if w.serial {
				break
			}
			continue
		}
		w.ready = slices.Delete(w.ready, i, i+1)
		w.running[d.Number], w.busy[sequence] = sequence, true
		return d, true
	}
	return deliveries.Due{}, false
}

// settle takes note of what became of a delivery that was under way: it has ended, or its sequence waits until a time. Those behind it then are left to the ledger,
// so that there is room for others.
func (w *window) settle(d deliveries.Due, ended bool, until time.Time) {
	sequence := w.running[d.Number]
	delete(w.running, d.Number)
	delete(w.busy, sequence)
	if ended {
		return
	}
	w.waiting[sequence], w.more = until, true
	w.ready = slices.DeleteFunc(w.ready, func(behind deliveries.Due) bool { return w.sequence(behind) == sequence })
}

// wakeAt is when the first of those that wait has waited long enough; zero: none waits for a time.
func (w *window) wakeAt() (first time.Time) {
	for _, until := range w.waiting {
		if !until.IsZero() && (first.IsZero() || until.Before(first)) {
			first = until
		}
	}
	return first
}
