package subscribers

import (
	"cmp"
	"slices"
	"time"
)

// lane holds the events in hand of one stream. It exists while there are any.
type lane struct {
	name    string
	queue   []*delivery // not started, in stream order
	running int         // taken by a worker
	ready   bool        // in the scheduler's queue of ready lanes

	awaited *delivery   // failed, and sent back to the broker; its redelivery goes first, the queue waits for it
	release *time.Timer // gives up waiting for it
}

// open tells whether a worker may take the head of the queue.
func (l *lane) open() bool { return l.running == 0 && l.awaited == nil && len(l.queue) > 0 }

func (l *lane) empty() bool { return l.running == 0 && l.awaited == nil && len(l.queue) == 0 }

// insert puts d in its place. Nearly always that is the end.
func (l *lane) insert(d *delivery) {
	i := len(l.queue)
	if i > 0 && l.queue[i-1].sequence > d.sequence {
		i, _ = slices.BinarySearchFunc(l.queue, d.sequence, func(queued *delivery, sequence uint64) int {
			return cmp.Compare(queued.sequence, sequence)
		})
	}
	l.queue = slices.Insert(l.queue, i, d)
}

func (l *lane) pop() *delivery {
	d := l.queue[0]
	l.queue[0] = nil
	l.queue = l.queue[1:]
	l.running++
	return d
}

// cut takes from the queue what keep does not ask for: all behind the last one that it wants.
func (l *lane) cut(keep func(*delivery) bool) []*delivery {
	n := len(l.queue)
	for n > 0 && !keep(l.queue[n-1]) {
		n--
	}
	rest := slices.Clone(l.queue[n:])
	l.queue = slices.Delete(l.queue, n, len(l.queue))
	return rest
}

// stopWaiting forgets the failed event: it came back, or somebody else has it.
func (l *lane) stopWaiting() {
	if l.release != nil {
		l.release.Stop()
	}
	l.awaited, l.release = nil, nil
}
