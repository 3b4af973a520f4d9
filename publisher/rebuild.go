package publisher

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
)

// ErrLed says that another relay leads where this one must.
var ErrLed = errors.New("another relay leads")

const (
	// One row, and no lock that anybody waits for.
	forgetSQL = `UPDATE contrail.relays SET position = 0, sequence = 0, updated_at = now() WHERE stream = $1`

	// In an empty stream nothing stands out of its order. What persons have asked for comes with all the rest; what is parked, held or discarded stays
	// out.
	reorderSQL = `UPDATE contrail.parked SET state = 'published', sequence = NULL, changed_at = now()
		WHERE relay = $1 AND (state = 'requeued' OR state = 'published' AND sequence IS NOT NULL)`

	tryLeadSQL = `SELECT pg_try_advisory_xact_lock(1129270870, hashtext($1))`
)

// Rebuild fills the relay's stream on purpose, where Run would stop: a stream that is new or was emptied from the first event on, and one that ends with an
// event of this store's from there on. Then it drains, as [Relay.Drain] does. Consumers of a stream that was emptied meet its events again; those with an
// inbox, and projections, are not affected.
//
// It returns [ErrLed] while another relay leads, and a [*StreamError] for a stream with somebody else's messages, or whose messages are not those that
// this store would have written.
func (r *Relay) Rebuild(ctx context.Context, told func(done, total contrail.Position)) (Drained, error) {
	if err := r.forget(ctx); err != nil {
		return Drained{}, fmt.Errorf("rebuild stream %s: %w", r.config.Stream, err)
	}
	return r.Drain(ctx, told)
}

// forget takes the leadership, or gives up, and sets the cursor back to where the stream ends or begins.
func (r *Relay) forget(ctx context.Context) error {
	to, conn, err := r.open()
	if err != nil {
		return err
	}
	once := &Relay{pool: r.pool, config: r.config, to: to, hook: r.hook, progress: &progress{}}
	once.monitor = newMonitor(r.pool, conn, r.config, func(string) {})
	l, err := once.takeLead(ctx) // without waiting: it is not exclusive
	if err != nil {
		return err
	}
	defer l.close(ctx)
	return pgx.BeginFunc(ctx, l.conn, func(tx pgx.Tx) error { //nolint:wrapcheck // what is in it is wrapped
		var leads bool
		if err := tx.QueryRow(ctx, tryLeadSQL, r.config.Stream).Scan(&leads); err != nil {
			return fmt.Errorf("take the leadership: %w", err)
		}
		if !leads {
			return fmt.Errorf("%w: pause or stop it first (contrail relays stop)", ErrLed)
		}
		return l.forget(ctx, to)
	})
}

// forget runs inside a transaction on the leader's connection.
func (l *lead) forget(ctx context.Context, to destination) error {
	if err := l.ledger.exec(ctx, "forget the cursor", forgetSQL, l.config.Stream); err != nil {
		return err
	}
	stream, ok := to.(interface {
		ask(ctx context.Context, l *lead, recorded cursor) (state jetstream.StreamState, last lastMessage, err error)
	})
	if !ok { // it is never read back, and takes all anew
		return l.ledger.exec(ctx, "put what is parked in order", reorderSQL, l.config.Stream)
	}
	state, last, err := stream.ask(ctx, l, cursor{})
	switch {
	case err != nil:
		return err
	case !last.found, l.config.Fence == MsgID: // what others write does not matter; reading back finds what there is, and where
		return l.ledger.exec(ctx, "put what is parked in order", reorderSQL, l.config.Stream)
	case last.ours:
		return l.ledger.saveLost(ctx, cursor{last.place(), state.LastSeq})
	}
	return foreignWriter(l.config.Stream, state.LastSeq)
}
