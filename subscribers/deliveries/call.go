package deliveries

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/contrail-events/contrail"
)

// answer is what an adapter has said.
type answer struct {
	receipt Receipt
	err     error
	took    time.Duration
	cut     error // why its ctx had ended by then; nil: it had not
	overrun bool  // it did not return, and was given up
}

// errTimeout is the cause of a call's ctx that ends because its time is up.
var errTimeout = errors.New("the call's time is up (Policy.Timeout)")

// call calls an adapter, in a goroutine of its own, which the adapter may end or never leave. What one says that was given up goes to late.
func call(ctx context.Context, adapter Adapter, d Delivery, policy Policy, late func(answer)) answer {
	limited, cancel := context.WithTimeoutCause(contrail.CausedBy(ctx, d.Event), policy.Timeout, errTimeout)
	defer cancel()
	began := time.Now()
	answers, givenUp := make(chan answer), make(chan struct{})
	go func() {
		a := answer{err: errExited}
		defer func() {
			a.took, a.cut = time.Since(began), context.Cause(limited)
			select {
			case answers <- a:
			case <-givenUp:
				late(a)
			}
		}()
		a.err = protect(func() (err error) {
			a.receipt, err = adapter.Deliver(limited, d)
			if err != nil {
				_, _ = err.Error(), errors.Is(err, errExited) // one that panics when it is asked, as a nil pointer may, does so here
			}
			return err
		})
	}()
	select {
	case a := <-answers:
		return a
	case <-limited.Done():
	}
	grace := time.NewTimer(policy.grace())
	defer grace.Stop()
	select {
	case a := <-answers:
		return a
	case <-grace.C:
		close(givenUp)
		return answer{overrun: true, took: time.Since(began), err: fmt.Errorf(
			"the call did not return within %v, nor within %v after its ctx had ended; it was given up: %w", policy.Timeout, policy.grace(), context.Cause(limited))}
	}
}

// protect makes an error of a panic.
func protect(handle func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &PanicError{Value: value, At: panickedAt(), Stack: debug.Stack()}
		}
	}()
	return handle()
}

// panickedAt names the first frame below the panic itself that is not the runtime's.
func panickedAt() string {
	var callers [32]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers[:])])
	for {
		frame, more := frames.Next()
		if frame.Function != "" && !strings.HasPrefix(frame.Function, "runtime.") {
			return fmt.Sprintf("%s (%s:%d)", frame.Function, frame.File[strings.LastIndexByte(frame.File, '/')+1:], frame.Line)
		}
		if !more {
			return "an unknown place"
		}
	}
}
