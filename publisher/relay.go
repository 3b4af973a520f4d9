package publisher

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
)

// Relay publishes every settled event of a store to one JetStream stream. Run as many as you like: one leads, the others stand by.
type Relay struct {
	pool   *pgxpool.Pool
	js     jetstream.JetStream
	config Config

	hook      func(point string) // told of each named point of the loop; tests stop the process there
	exclusive bool               // wait for the leadership; tests make two believe that they lead
}

// NewRelay returns a relay, or an error that names every faulty field of cfg. It connects to nothing: pool and js stay the
// caller's to close, after Run has returned. The relay takes one connection out of the pool for as long as it runs, and a second
// one when Config.Wake polls.
func NewRelay(pool *pgxpool.Pool, js jetstream.JetStream, cfg Config) (*Relay, error) {
	cfg = cfg.withDefaults()
	faults := cfg.validate()
	if pool == nil || js == nil {
		faults = errors.Join(errors.New("publisher.NewRelay: pool and js must not be nil"), faults)
	}
	if faults != nil {
		return nil, faults
	}
	return &Relay{pool: pool, js: js, config: cfg, hook: func(string) {}, exclusive: true}, nil
}

// Run relays until ctx ends. Then it reads no further, waits for what is on its way, at most Config.AckTimeout, saves its cursor,
// gives up its leadership and returns nil.
//
// A database or a broker that can't be reached is retried for ever, with a jittered, growing pause; nothing is lost meanwhile. Run
// returns an error for what no retry cures: [*StreamError], [*RefusedError], [ErrConnectionClosed], [eventstore.ErrPooled], and what
// [eventstore.Check] finds.
// Call it once at a time.
func (r *Relay) Run(ctx context.Context) error {
	js, err := serverOf(r.js, r.config)
	if err != nil {
		return err
	}
	defer js.CleanupPublisher()
	running := *r
	running.js = js
	pause := r.config.RetryMin
	for {
		err := running.runOnce(ctx, func() { pause = r.config.RetryMin })
		switch {
		case ctx.Err() != nil && !isFinal(err):
			return nil
		case isFinal(err):
			return err
		}
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
	pause := r.config.RetryMin
	for {
		err := l.session(ctx, func() { published(); pause = r.config.RetryMin })
		switch {
		case isFinal(err):
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx) //nolint:wrapcheck // the caller's, or why the leadership was lost
		case err == nil || l.conn.IsClosed():
			return err
		}
		r.config.Logger.WarnContext(ctx, "publishing is interrupted: asking the broker where it is", slogStream(r.config.Stream),
			slog.Duration("retry_in", pause), slog.Any("error", err))
		rest(ctx, pause)
		pause = min(2*pause, r.config.RetryMax)
	}
}

// isFinal tells whether no retry cures err.
func isFinal(err error) bool {
	_, stream := errors.AsType[*StreamError](err)
	_, refused := errors.AsType[*RefusedError](err)
	return stream || refused || slices.ContainsFunc([]error{
		ErrConnectionClosed, eventstore.ErrTooOld, eventstore.ErrStandby, eventstore.ErrNotMigrated, eventstore.ErrMigratedByNewer,
		eventstore.ErrSequence, eventstore.ErrPooled,
	}, func(final error) bool { return errors.Is(err, final) })
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
