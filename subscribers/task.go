package subscribers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// task is where handlers run: apart from the worker that waits for them, so that one that never returns, or ends its goroutine, doesn't take
// the worker along.
type task struct {
	verdict chan error // the handlers', or that they were given up; of the two the first one counts

	mu      sync.Mutex
	began   time.Time // when the handler that runs now was called; zero: none runs
	givenUp bool
	tx      transaction
}

func newTask() *task { return &task{verdict: make(chan error, 2)} }

// errExited is the verdict on a handler that ended its goroutine.
var errExited = errors.New("the handler called runtime.Goexit")

// overrunError is the verdict on a handler that did not return when its time was up.
type overrunError struct{ limit time.Duration }

func (e overrunError) Error() string {
	return fmt.Sprintf("the handler did not return within %v, nor when its ctx had ended; it was given up", e.limit)
}

// errOverrun is the cause of a handler's ctx that ends because its time is up.
var errOverrun = errors.New("the handler's time is up (Config.HandlerTimeout)")

// run calls handle in a goroutine of its own and waits for its verdict, or until it is given up. Then the task is of no more use, and what
// handle has a hold of is its own for ever.
func (t *task) run(handle func() error) error {
	go func() {
		err := errExited
		defer func() { t.verdict <- err }()
		err = handle()
	}()
	return <-t.verdict
}

// hold tells the task of the transaction that its handlers are in.
func (t *task) hold(tx transaction) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tx = tx
}

// call calls one handler, now, whose ctx ends after limit. A panic is an error.
func (t *task) call(ctx context.Context, now time.Time, limit time.Duration, handle func(ctx context.Context) error) error {
	t.mark(now)
	defer t.mark(time.Time{})
	limited := limitedContext{Context: ctx, until: now.Add(limit)}
	defer limited.end()
	return protect(func() error { return handle(&limited) }) //nolint:contextcheck // it is ctx, with an end
}

func (t *task) mark(began time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.began = began
}

// giveUp ends a handler's task when the handler was called before then. Its connection is closed: a transaction that nobody ends would keep its locks.
func (t *task) giveUp(then time.Time, limit time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.givenUp || t.began.IsZero() || t.began.After(then) {
		return false
	}
	t.givenUp = true
	if t.tx != nil {
		t.tx.sever()
	}
	t.verdict <- overrunError{limit}
	return true
}

// over is an error for a task that was given up: nobody waits for what it would go on to do.
func (t *task) over() error {
	if t.isGivenUp() {
		return errOverrun
	}
	return nil
}

func (t *task) isGivenUp() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.givenUp
}

// maxGrace bounds how long a handler may go on when its ctx has ended.
const maxGrace = 30 * time.Second

// handlersEnd is how long after its call a handler is given up.
func (c Config) handlersEnd() time.Duration {
	return c.HandlerTimeout + min(c.HandlerTimeout, maxGrace)
}

// guard gives up the handlers of workers that run for too long.
func (s *session) guard(ctx context.Context, end <-chan struct{}) {
	allowed := s.config.handlersEnd()
	ticker := time.NewTicker(min(max(allowed/16, time.Millisecond), time.Second))
	defer ticker.Stop()
	for {
		select {
		case <-end:
			return
		case now := <-ticker.C:
			s.turns.guard(s.scheduler.busy())
			for _, w := range s.workers {
				if w.task.Load().giveUp(now.Add(-allowed), allowed) {
					s.config.Logger.ErrorContext(ctx, "a handler did not return when its time was up, and was given up; its goroutine is left behind",
						slog.String("consumer", s.config.Durable), slog.Duration("after", allowed))
				}
			}
		}
	}
}

// limitedContext ends at a time. It costs nothing but when somebody asks whether it has.
type limitedContext struct {
	context.Context //nolint:containedctx // it is a context

	until time.Time

	mu     sync.Mutex
	ended  bool
	timed  context.Context //nolint:containedctx // see above
	cancel context.CancelFunc
}

func (c *limitedContext) Deadline() (time.Time, bool) {
	if earlier, ok := c.Context.Deadline(); ok && earlier.Before(c.until) {
		return earlier, true
	}
	return c.until, true
}

func (c *limitedContext) Done() <-chan struct{} { return c.real().Done() }

func (c *limitedContext) Err() error { return c.real().Err() } //nolint:wrapcheck // it is a context

func (c *limitedContext) Value(key any) any {
	c.mu.Lock()
	timed := c.timed
	c.mu.Unlock()
	if timed != nil {
		return timed.Value(key)
	}
	return c.Context.Value(key)
}

func (c *limitedContext) real() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timed == nil {
		c.timed, c.cancel = context.WithDeadlineCause(c.Context, c.until, errOverrun)
		if c.ended {
			c.cancel()
		}
	}
	return c.timed
}

// end ends it, and whatever a handler has left behind that waits for it.
func (c *limitedContext) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	if c.cancel != nil {
		c.cancel()
	}
}

// panicError is a panic as an error.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

func (e *panicError) Unwrap() error {
	err, _ := e.value.(error)
	return err
}

func protect(handle func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &panicError{value: value, stack: debug.Stack()}
		}
	}()
	return handle()
}

// apart calls handle in a goroutine of its own, which a handler may end without taking the caller along.
func apart(handle func() error) error { return newTask().run(handle) }
