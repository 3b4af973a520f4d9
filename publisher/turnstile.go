package publisher

import (
	"errors"
	"sync"
)

// turnstile lets goroutines through one at a time, in the order of their numbers, until somebody stops it.
type turnstile struct {
	mu    sync.Mutex
	moved *sync.Cond
	turn  int
	err   error
}

func newTurnstile() *turnstile {
	t := &turnstile{}
	t.moved = sync.NewCond(&t.mu)
	return t
}

// errPassed says that a number comes a second time: what it went through for may have happened already.
var errPassed = errors.New("a batch was sent before, and its outcome is unknown")

// wait returns nil when it is number's turn, or the error that stopped the turnstile. Who has been through does not get through again.
func (t *turnstile) wait(number int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.turn < number && t.err == nil {
		t.moved.Wait()
	}
	if t.err == nil && t.turn > number {
		return errPassed
	}
	return t.err
}

// next passes the turn on.
func (t *turnstile) next() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn++
	t.moved.Broadcast()
}

// stop turns everybody away from now on; the first error stays.
func (t *turnstile) stop(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = err
	}
	t.moved.Broadcast()
}

// stopped returns the error that stopped the turnstile, if any.
func (t *turnstile) stopped() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}
