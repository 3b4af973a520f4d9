package eventstore_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// oneStatementSQL is the reader that seems right and is not: its snapshot is older than the horizon that it computes.
const oneStatementSQL = `SELECT position FROM contrail.events WHERE position > $1 AND position <= contrail.horizon() ORDER BY position`

// gate holds a reader up between its snapshot and its horizon.
type gate struct {
	pool *pgxpool.Pool
	conn *pgx.Conn
}

func newGate(tb testing.TB, pool *pgxpool.Pool, call int) gate {
	tb.Helper()
	_, err := pool.Exec(tb.Context(), pgtest.GateHorizon(call))
	require.NoError(tb, err)
	g := gate{pool: pool, conn: connect(tb, pool)}
	_, err = g.conn.Exec(tb.Context(), pgtest.ShutGateSQL)
	require.NoError(tb, err)
	return g
}

// reached returns when a reader waits at the gate, or has come to its end without passing it.
func (g gate) reached(tb testing.TB, ended <-chan struct{}) {
	tb.Helper()
	require.Eventually(tb, func() bool {
		select {
		case <-ended:
			return true
		default:
		}
		var waiting bool
		err := g.pool.QueryRow(tb.Context(), pgtest.AtGateSQL).Scan(&waiting)
		return err == nil && waiting
	}, 10*time.Second, 2*time.Millisecond, "no reader asked for the horizon")
}

func (g gate) open(tb testing.TB) {
	tb.Helper()
	_, err := g.conn.Exec(tb.Context(), pgtest.OpenGateSQL)
	require.NoError(tb, err)
}

// positionReader returns the positions above after that it takes for all that will ever be there up to the last of them.
type positionReader func(ctx context.Context, after contrail.Position) ([]contrail.Position, error)

// readAcross lets position 2 commit while the reader is between a snapshot and the n-th horizon that it asks for, 1 and 3 having committed
// before, and reads on from where the reader then is.
func readAcross(tb testing.TB, pool *pgxpool.Pool, call int, read positionReader) (found []contrail.Position) {
	tb.Helper()
	ctx := tb.Context()
	_, err := appendNow(ctx, pool, contrail.NewStreamID("settled", "1"), eventstore.NoStream, happened("Settled"))
	require.NoError(tb, err)
	slow, err := pool.Begin(ctx)
	require.NoError(tb, err)
	defer func() { _ = slow.Rollback(ctx) }()
	_, err = newStore(tb).Append(ctx, slow, contrail.NewStreamID("slow", "1"), eventstore.NoStream, happened("Slow"))
	require.NoError(tb, err)
	_, err = appendNow(ctx, pool, contrail.NewStreamID("fast", "1"), eventstore.NoStream, happened("Fast"))
	require.NoError(tb, err)

	g := newGate(tb, pool, call)
	ended := make(chan struct{})
	var fault error
	go func() {
		defer close(ended)
		found, fault = read(ctx, 0)
	}()
	g.reached(tb, ended)
	require.NoError(tb, slow.Commit(ctx))
	g.open(tb)
	<-ended
	require.NoError(tb, fault)
	require.NotEmpty(tb, found)
	rest, err := read(ctx, found[len(found)-1])
	require.NoError(tb, err)
	return append(found, rest...)
}

func positions(ctx context.Context, db eventstore.Querier, statement string, args ...any) ([]contrail.Position, error) {
	rows, err := db.Query(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[contrail.Position])
}

// Position 2 commits after the statement's snapshot and before its horizon: the statement returns 3 without it, and it is lost for ever.
func TestOneStatementWithTheHorizonLosesEvents(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	read := func(ctx context.Context, after contrail.Position) ([]contrail.Position, error) {
		return positions(ctx, pool, oneStatementSQL, after)
	}
	require.Equal(t, []contrail.Position{1, 3}, readAcross(t, pool, 1, read))
}

// The same interleaving of each reader of ours, at each horizon that it asks for: what it returns has no hole.
func TestNoReaderLosesEventsAcrossItsHorizon(t *testing.T) {
	t.Parallel()
	for name, makeReader := range map[string]func(tb testing.TB, pool *pgxpool.Pool) positionReader{
		"Feed":                             feedReader,
		"Feed by default REPEATABLE READ":  strictFeedReader,
		"Read from a pool":                 poolReader,
		"Read in a transaction":            transactionReader,
		"Horizon and a statement after it": twoStatementReader,
	} {
		for call := 1; call <= 2; call++ {
			t.Run(fmt.Sprintf("%s, call %d", name, call), func(t *testing.T) {
				t.Parallel()
				pool := pgtest.New(t)
				require.Equal(t, []contrail.Position{1, 2, 3}, readAcross(t, pool, call, makeReader(t, pool)))
			})
		}
	}
}

func feedReader(tb testing.TB, pool *pgxpool.Pool) positionReader {
	tb.Helper()
	return nextReader(newFeed(tb, connect(tb, pool), eventstore.FeedConfig{}))
}

// nextReader reads until there is nothing more. A feed knows where it is.
func nextReader(feed *eventstore.Feed) positionReader {
	return func(ctx context.Context, _ contrail.Position) (found []contrail.Position, err error) {
		for {
			events, err := feed.Next(ctx)
			if err != nil || len(events) == 0 {
				return found, err
			}
			found = append(found, positionsOf(events)...)
		}
	}
}

// strictFeedReader has a connection whose every statement is a transaction of its own at REPEATABLE READ, which does no harm.
func strictFeedReader(tb testing.TB, pool *pgxpool.Pool) positionReader {
	tb.Helper()
	conn := connect(tb, pool)
	_, err := conn.Exec(tb.Context(), `SET default_transaction_isolation = 'repeatable read'`)
	require.NoError(tb, err)
	return nextReader(newFeed(tb, conn, eventstore.FeedConfig{}))
}

func poolReader(tb testing.TB, pool *pgxpool.Pool) positionReader {
	tb.Helper()
	store := newStore(tb)
	return func(ctx context.Context, after contrail.Position) ([]contrail.Position, error) {
		return drain(store.Read(ctx, pool, eventstore.Query{After: after}))
	}
}

// transactionReader reads in a transaction at READ COMMITTED that has had a snapshot already.
func transactionReader(tb testing.TB, pool *pgxpool.Pool) positionReader {
	tb.Helper()
	store := newStore(tb)
	return func(ctx context.Context, after contrail.Position) (found []contrail.Position, err error) {
		err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `SELECT count(*) FROM contrail.events`); err != nil {
				return err
			}
			found, err = drain(store.Read(ctx, tx, eventstore.Query{After: after}))
			return err
		})
		return found, err
	}
}

func twoStatementReader(tb testing.TB, pool *pgxpool.Pool) positionReader {
	tb.Helper()
	return func(ctx context.Context, after contrail.Position) ([]contrail.Position, error) {
		horizon, err := eventstore.Horizon(ctx, pool)
		if err != nil {
			return nil, err
		}
		return positions(ctx, pool, `SELECT position FROM contrail.events WHERE position > $1 AND position <= $2 ORDER BY position`, after, horizon)
	}
}

func drain(events func(func(contrail.Recorded, error) bool)) (found []contrail.Position, err error) {
	for event, err := range events {
		if err != nil {
			return found, err
		}
		found = append(found, event.Position)
	}
	return found, nil
}

func positionsOf(events []contrail.Recorded) []contrail.Position {
	found := make([]contrail.Position, len(events))
	for i, event := range events {
		found[i] = event.Position
	}
	return found
}
