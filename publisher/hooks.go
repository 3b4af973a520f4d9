package publisher

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/publisher/parked"
)

// Hooks tell an application what its relay does. Each is called from the relay's own loop, one at a time, so one that takes long holds it up, and
// one that takes longer than a leader may be silent (Config.AckTimeout tells how long) costs the leadership.
// A panic is logged and changes nothing. Nil means nobody wants to know.
type Hooks struct {
	// OnPublished is told of events once they are acknowledged and the cursor has moved. After a crash in between it is not told.
	OnPublished func(ctx context.Context, published Published)
	// OnParked is told of each event that is left out, once that is written down. After a crash in between it may be told again.
	OnParked func(ctx context.Context, left Left)
	// OnLeader is told when this relay begins to lead and when it no longer does.
	OnLeader func(ctx context.Context, leads bool)
}

// Published is one batch.
type Published struct {
	Events   []contrail.Recorded // not to be changed
	Sequence uint64              // of the last of them in the stream; 0 where the destination has none
	Resent   bool                // requeued or repaired: published out of their order
}

// Left is an event that the relay has left out.
type Left struct {
	Event    contrail.Recorded
	State    parked.State  // Parked, or Held behind a parked one
	Reason   parked.Reason // why, in a word
	Error    string        // the delivery error; "" for one that is held
	Attempts int
}

// safely runs a hook.
func (c Config) safely(ctx context.Context, name string, hook func()) {
	defer func() {
		if thrown := recover(); thrown != nil {
			c.Logger.ErrorContext(ctx, "a hook has panicked", slog.String("hook", name), slog.String("panic", fmt.Sprint(thrown)))
		}
	}()
	hook()
}

func (c Config) onPublished(ctx context.Context, b *batch) {
	if c.Hooks.OnPublished != nil && len(b.events) > 0 {
		c.safely(ctx, "OnPublished", func() {
			c.Hooks.OnPublished(ctx, Published{Events: b.events, Sequence: b.sequence, Resent: b.resent != nil})
		})
	}
}

func (c Config) onParked(ctx context.Context, left []Left) {
	for _, one := range left {
		if c.Hooks.OnParked != nil {
			c.safely(ctx, "OnParked", func() { c.Hooks.OnParked(ctx, one) })
		}
	}
}

func (c Config) onLeader(ctx context.Context, leads bool) {
	if c.Hooks.OnLeader != nil {
		c.safely(ctx, "OnLeader", func() { c.Hooks.OnLeader(ctx, leads) })
	}
}
