package webhook

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// How long a lane waits before it looks at the ledger again.
const (
	never     = time.Hour   // it is poked when there is something
	afterward = time.Second // the database was out of reach, or another process has the delivery in hand
)

// lane posts to one endpoint. All of it happens in the goroutine of run, but for the requests, and for what says otherwise.
type lane struct {
	*sender

	holding  atomic.Pointer[holding]
	leased   atomic.Pointer[time.Time] // until when it may begin requests
	pokes    chan struct{}             // something has changed
	newest   atomic.Int64              // the number of the newest delivery in the ledger, as far as somebody has looked
	stops    chan struct{}             // closed by stop
	stopOnce sync.Once

	window   *window
	known    int64     // the newest delivery when the lane last heeded that
	stale    bool      // the window is to be read anew
	lookedAt time.Time // when it was
	lookAt   time.Time // when it may be, at the earliest
	finished chan finished

	health  health
	unsaved bool      // it is not written yet
	savedAt time.Time // when it was written last
	resume  time.Time // nothing is sent until then: the endpoint has asked for that

	changedAt time.Time // of the endpoint that the lane heeds
}

func newLane(s *sender, held *holding, leased time.Time) *lane {
	l := &lane{
		sender: s, pokes: make(chan struct{}, 1), stops: make(chan struct{}), window: newWindow(held.Concurrency == 1),
		health: healthOf(held.Endpoint), stale: true, finished: make(chan finished), changedAt: held.ChangedAt,
	}
	l.holding.Store(held)
	l.renewed(leased)
	return l
}

// held is the endpoint as it was read last. Any goroutine may ask.
func (l *lane) held() *holding { return l.holding.Load() }

// update has the lane go on with what a person has changed. Any goroutine may call it, as the next ones.
func (l *lane) update(held *holding) {
	l.holding.Store(held)
	l.poke(0)
}

// renewed lengthens the lane's right to post.
func (l *lane) renewed(until time.Time) {
	l.leased.Store(&until)
	l.poke(0) // it may have run out
}

// isLeased tells whether the lane may begin requests. It may not in the last third of its lease, of which others count a later end, by the database's clock: so
// what it begins is begun by then.
func (l *lane) isLeased(now time.Time) bool {
	return now.Before(l.leased.Load().Add(-l.config.Lease / renewals))
}

// poke has it go on: something has changed, or the newest delivery in the ledger is this one.
func (l *lane) poke(newest int64) {
	l.newest.Store(max(newest, l.newest.Load()))
	select {
	case l.pokes <- struct{}{}:
	default:
	}
}

// stop has it begin nothing more; run returns when what is under way is over.
func (l *lane) stop() { l.stopOnce.Do(func() { close(l.stops) }) }

func (l *lane) stopping() bool {
	select {
	case <-l.stops:
		return true
	default:
		return false
	}
}

// run posts until stop is called, and what was under way is over. When ctx ends, the requests are cut short.
func (l *lane) run(ctx context.Context) {
	timer := time.NewTimer(never)
	defer timer.Stop()
	for !l.stopping() {
		timer.Reset(time.Until(l.step(ctx, time.Now())))
		select {
		case <-l.stops:
		case <-l.pokes:
			l.heed(time.Now())
		case f := <-l.finished:
			l.settle(ctx, f)
		case <-timer.C:
		}
	}
	for len(l.window.running) > 0 {
		l.settle(ctx, <-l.finished)
	}
	if l.unsaved {
		l.save(ctx)
	}
}

// heed decides whether a poke is worth a look: if there is something new, and else every second, since people change deliveries.
func (l *lane) heed(now time.Time) {
	if newest := l.newest.Load(); newest > l.known {
		l.known, l.window.more = newest, true
		l.stale = l.stale || len(l.window.ready) == 0
	}
	if now.Sub(l.lookedAt) > afterward {
		l.stale = true
	}
}

// step begins what may be begun, and returns when there may be more, if nothing happens before.
func (l *lane) step(ctx context.Context, now time.Time) (next time.Time) {
	held := l.held()
	if !held.ChangedAt.Equal(l.changedAt) {
		l.changed(ctx, held)
	}
	if l.unsaved {
		l.save(ctx)
	}
	switch {
	case !l.isLeased(now):
		return now.Add(afterward)
	case now.Before(l.resume):
		return l.resume
	case l.health.open():
		return l.probe(ctx, now)
	case l.window.serial != (held.Concurrency == 1) && len(l.window.running) > 0:
		return now.Add(never) // the order changes when nothing is under way
	case l.window.serial != (held.Concurrency == 1):
		l.window, l.stale = newWindow(held.Concurrency == 1), true
	}
	if at := l.window.wakeAt(); !at.IsZero() && !now.Before(at) || l.window.more && len(l.window.ready) < enough(held.Concurrency)/2 {
		l.stale = true
	}
	if l.stale && !now.Before(l.lookAt) {
		l.look(ctx, now)
	}
	for len(l.window.running) < held.Concurrency {
		due, found := l.window.next()
		if !found {
			break
		}
		l.begin(ctx, due, l.config.policy(held.Endpoint), false)
	}
	return l.wakeAt(now)
}

// changed has what waits tried at once: maybe the endpoint was changed since it fails.
func (l *lane) changed(ctx context.Context, held *holding) {
	l.changedAt, l.resume = held.ChangedAt, time.Time{}
	if l.health.open() {
		l.health.probeAt, l.unsaved = time.Now(), true
		return
	}
	l.revive(ctx)
}

// wakeAt is when there is something to do if nothing happens before.
func (l *lane) wakeAt(now time.Time) time.Time {
	at := now.Add(never)
	if l.unsaved {
		at = now.Add(afterward)
	}
	if until := l.window.wakeAt(); !until.IsZero() && until.Before(at) {
		at = until
	}
	if l.stale && l.lookAt.Before(at) {
		at = l.lookAt
	}
	return at
}
