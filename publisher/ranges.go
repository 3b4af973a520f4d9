package publisher

import (
	"cmp"
	"slices"

	"github.com/contrail-events/contrail"
)

// absence is why an event is not in the stream.
type absence int

const (
	isMissing   absence = iota // nobody knows
	isParked                   // the relay has left it out
	isRequeued                 // likewise, and it is asked for
	isDiscarded                // likewise, and a person has decided that it stays out
	absences
)

// ranges is a set of positions, each with the reason of its absence, kept as runs of events that follow one another in the store: a million
// missing events in a row cost as much as one.
type ranges struct {
	runs []run // ascending; some may be empty
	open bool  // the last run goes on with the next position added
}

// run is every event of the store from one position to another. It is empty when they are the wrong way round.
type run struct {
	from, to contrail.Position
	why      absence
}

// add takes a position above all that were ever in the set.
func (r *ranges) add(position contrail.Position, why absence) {
	if last := len(r.runs) - 1; r.open && r.runs[last].why == why {
		r.runs[last].to = position
		return
	}
	r.runs = append(r.runs, run{position, position, why})
	r.open = true
}

// close ends the last run: what is added next does not follow on it.
func (r *ranges) close() { r.open = false }

// remove takes a position out, and tells whether it was in, and why. It takes a run's first and last positions in no time, since what was
// lost is mostly filled in order, and leaves an empty run where it was.
func (r *ranges) remove(position contrail.Position) (why absence, found bool) {
	i, _ := slices.BinarySearchFunc(r.runs, position, func(one run, p contrail.Position) int { return cmp.Compare(one.to, p) })
	if i == len(r.runs) || r.runs[i].from > position {
		return 0, false
	}
	one := &r.runs[i]
	why, r.open = one.why, false
	switch position {
	case one.from:
		one.from++
	case one.to:
		one.to--
	default:
		rest := run{position + 1, one.to, why}
		one.to = position - 1
		r.runs = slices.Insert(r.runs, i+1, rest)
	}
	return why, true
}

// below returns what is missing below a position, and what is missing from there on.
func (r *ranges) below(position contrail.Position) (before, after bounds) {
	for _, one := range r.runs {
		if one.why != isMissing || one.from > one.to {
			continue
		}
		if one.from < position {
			before.add(one.from, min(one.to, position-1))
		}
		if one.to >= position {
			after.add(max(one.from, position), one.to)
		}
	}
	return before, after
}

// bounds are the first and the last positions of runs, as SQL takes them.
type bounds struct{ first, last []int64 }

func (b *bounds) add(from, to contrail.Position) {
	b.first, b.last = append(b.first, int64(from)), append(b.last, int64(to))
}
