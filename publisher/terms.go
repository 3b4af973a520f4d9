package publisher

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/contrail-events/contrail"
)

// relay takes one term after another.
func (r *Relay) relay(ctx context.Context, valve *valve) error {
	pause := r.config.RetryMin
	for {
		if paused, _ := valve.state(); paused {
			r.config.Logger.InfoContext(ctx, "paused", slogStream(r.config.Stream), slog.String("identity", r.config.Identity))
			r.monitor.enter(statePaused)
			valve.await(ctx)
		}
		term, end := valve.watch(ctx)
		r.monitor.enter(stateStandby)
		err := forbidden(r.runOnce(term, func() { pause = r.config.RetryMin }))
		interrupted := term.Err() != nil
		end()
		switch {
		case isFinal(err):
			return err
		case ctx.Err() != nil:
			return nil //nolint:nilerr // it was told to end, and has
		case interrupted:
			continue
		}
		r.monitor.retried(ctx, err)
		r.config.Logger.WarnContext(ctx, "relaying is interrupted and will go on", slogStream(r.config.Stream),
			slog.Duration("retry_in", pause), slog.Any("error", hinted(err)))
		rest(ctx, pause)
		pause = min(2*pause, r.config.RetryMax)
	}
}

// runOnce is one term of leadership: it ends when the connection does, or with an error that is final.
func (r *Relay) runOnce(ctx context.Context, published func()) error {
	l, err := r.takeLead(ctx)
	if err != nil {
		return err
	}
	defer l.close(ctx)
	ctx, end := l.term(ctx)
	defer end()
	r.config.Logger.InfoContext(ctx, "leading", slogStream(r.config.Stream), slog.String("identity", r.config.Identity))
	r.monitor.enter(stateLeading)
	r.progress.lead(true)
	defer r.progress.lead(false)
	r.monitor.telemetry.lead(ctx, true)
	defer r.monitor.telemetry.lead(ctx, false)
	r.config.onLeader(ctx, true)
	defer r.config.onLeader(context.WithoutCancel(ctx), false)
	return l.sessions(ctx, published)
}

// sessions relays, and asks the destination again where it is after every error.
func (l *lead) sessions(ctx context.Context, published func()) error {
	pause := l.config.RetryMin
	for {
		err := forbidden(l.session(ctx, func() { published(); pause = l.config.RetryMin }))
		l.progress.loop.stop()
		refused := l.suspects.learn(err)
		switch {
		case isFinal(err):
			return err
		case refused != nil && l.config.OnPermanent == Halt && refused.attempts >= l.config.Attempts:
			return haltError{refused.err}
		case ctx.Err() != nil:
			return errors.Join(context.Cause(ctx), err) // the caller's, or why the leadership was lost; and what became of the last batches
		case err == nil || l.conn.IsClosed():
			return err
		}
		l.monitor.retried(ctx, err)
		l.config.Logger.WarnContext(ctx, "publishing is interrupted: asking the broker where it is", slogStream(l.config.Stream),
			slog.Duration("retry_in", pause), slog.Any("error", err))
		rest(ctx, pause)
		pause = min(2*pause, l.config.RetryMax)
	}
}

// progress is how far a relay has come, for a drain that watches it.
type progress struct {
	leads   atomic.Bool // now
	led     atomic.Bool // at some time
	resumed atomic.Bool // the destination has said where it is
	loop    loop
}

func (p *progress) lead(leads bool) {
	p.leads.Store(leads)
	if leads {
		p.led.Store(true)
	}
}

// rest waits for half of pause to the whole of it, or for the end of ctx.
func rest(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause/2 + rand.N(pause/2+1)) //nolint:gosec // jitter needs no secrecy
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func slogStream(stream string) slog.Attr            { return slog.String("stream", stream) }
func slogPosition(p contrail.Position) slog.Attr    { return slog.Int64("position", int64(p)) }
func slogSequence(sequence uint64) slog.Attr        { return slog.Uint64("sequence", sequence) }
func slogCount(name string, count uint64) slog.Attr { return slog.Uint64(name, count) }
