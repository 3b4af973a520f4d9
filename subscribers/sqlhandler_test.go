package subscribers_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/lib/pq"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers"
)

// drivers are those of database/sql that Go programs reach PostgreSQL by.
func drivers() []string { return []string{"pgx", "postgres"} }

func openSQL(tb testing.TB, driver, url string) *sql.DB {
	tb.Helper()
	db, err := sql.Open(driver, url)
	require.NoError(tb, err)
	db.SetMaxOpenConns(8)
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	return db
}

func takeEffectSQL(ctx context.Context, tx *sql.Tx, e contrail.Delivered[drafted]) error {
	_, err := tx.ExecContext(ctx, effectSQL, int64(e.Position))
	return err
}

// Each event takes effect once, in batches, though some are published twice and one fails; and one that fails takes none down with it.
func TestHandleSQLOnceInEffect(t *testing.T) {
	t.Parallel()
	for _, driver := range drivers() {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			w, pool := newWorld(t), pgtest.New(t)
			createEffects(t, pool)
			const count = 200
			w.publishMany(t, count, 20)
			again := w.event("invoice-1", drafted{N: count})
			w.send(t, again)
			again.ID[0]++ // another message of the same event
			w.send(t, again)
			sub := w.subscribe(t, subscribers.Config{
				Inbox: subscribers.NewInboxSQL(openSQL(t, driver, pool.Config().ConnString())), Concurrency: 2, MaxDeliver: 3,
			})
			subscribers.HandleSQL(sub, func(ctx context.Context, tx *sql.Tx, e contrail.Delivered[drafted]) error {
				if err := takeEffectSQL(ctx, tx, e); err != nil {
					return err
				}
				switch e.Data.N {
				case 57:
					return errBroken
				case 101:
					return contrail.Permanent(errors.New("bad invoice"))
				case 150:
					return contrail.Skip("not ours")
				}
				return nil
			})
			run(t, sub)
			w.settled(t)
			events, times := effects(t, pool)
			require.Equal(t, [2]int{count - 1, count - 1}, [2]int{events, times})
			reasons := map[int]subscribers.Reason{}
			for _, letter := range w.awaitLetters(t, 2) {
				reasons[numberIn(t, letter)] = letter.Reason
			}
			require.Equal(t, map[int]subscribers.Reason{57: subscribers.ReasonExhausted, 101: subscribers.ReasonPermanent}, reasons)
			stats := sub.Stats()
			require.Equal(t, [3]int64{count - 2, 1, 1}, [3]int64{stats.Handled, stats.Skipped, stats.Duplicates})
			require.Equal(t, int64(2), stats.Retried)
		})
	}
}

// A handler that spoils its transaction is to blame itself: its event becomes a dead letter, and the others take effect.
func TestHandleSQLThatSpoilsItsTransaction(t *testing.T) {
	t.Parallel()
	for _, driver := range drivers() {
		for name, spoil := range map[string]func(context.Context, *sql.Tx) error{
			"rolls back": func(_ context.Context, tx *sql.Tx) error { return tx.Rollback() },
			"loses it":   loseConnection,
			"swallows": func(ctx context.Context, tx *sql.Tx) error {
				_, _ = tx.ExecContext(ctx, `SELECT 1/0`)
				return nil
			},
		} {
			t.Run(driver+" "+name, func(t *testing.T) {
				t.Parallel()
				w, pool := newWorld(t), pgtest.New(t)
				createEffects(t, pool)
				w.spoilOne(t, openSQL(t, driver, pool.Config().ConnString()), 0, spoil)
				letter := w.awaitLetters(t, 1)[0]
				require.Equal(t, [2]any{subscribers.ReasonExhausted, 3}, [2]any{letter.Reason, letter.Deliveries})
				events, times := effects(t, pool)
				require.Equal(t, [2]int{spoilCount - 1, spoilCount - 1}, [2]int{events, times})
			})
		}
	}
}

// Rows that a handler leaves open are closed before the commit.
func TestHandleSQLThatLeavesRowsOpen(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	w.spoilOne(t, openSQL(t, "pgx", pool.Config().ConnString()), 0, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.QueryContext(ctx, `SELECT generate_series(1, 3)`) //nolint:rowserrcheck,sqlclosecheck // the fault that is tried
		return err
	})
	require.Empty(t, w.deadLetters(t))
	events, times := effects(t, pool)
	require.Equal(t, [2]int{spoilCount - 1, spoilCount - 1}, [2]int{events, times})
}

// A handler that commits has committed its event's row in the inbox as well: it counts as having taken effect. The others take effect.
func TestHandleSQLThatCommits(t *testing.T) {
	t.Parallel()
	for _, driver := range drivers() {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			w, pool := newWorld(t), pgtest.New(t)
			createEffects(t, pool)
			w.spoilOne(t, openSQL(t, driver, pool.Config().ConnString()), 1, func(_ context.Context, tx *sql.Tx) error { return tx.Commit() })
			require.Empty(t, w.deadLetters(t))
			events, times := effects(t, pool)
			require.Equal(t, [2]int{spoilCount - 1, spoilCount - 1}, [2]int{events, times})
		})
	}
}

const spoilCount = 20

// spoilOne handles events, of which one handler has no effect but to spoil.
func (w *world) spoilOne(tb testing.TB, db *sql.DB, batch int, spoil func(context.Context, *sql.Tx) error) {
	tb.Helper()
	w.publishMany(tb, spoilCount, 10)
	sub := w.subscribe(tb, subscribers.Config{Inbox: subscribers.NewInboxSQL(db), MaxDeliver: 3, InboxBatch: batch})
	subscribers.HandleSQL(sub, func(ctx context.Context, tx *sql.Tx, e contrail.Delivered[drafted]) error {
		if e.Data.N == 7 {
			return spoil(ctx, tx)
		}
		return takeEffectSQL(ctx, tx, e)
	})
	run(tb, sub)
	w.settled(tb)
}

// loseConnection ends the transaction's own session.
func loseConnection(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `SELECT pg_terminate_backend(pg_backend_pid())`)
	return err
}

// The wrong inbox for a handler is refused before anything is delivered.
func TestHandlersAndInboxesOfTwoKinds(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	for form, inbox := range map[string]*subscribers.Inbox{
		formTx: subscribers.NewInboxSQL(openSQL(t, "pgx", pool.Config().ConnString())), formSQL: subscribers.NewInbox(pool),
	} {
		sub := w.subscribe(t, subscribers.Config{Inbox: inbox})
		if form == formTx {
			subscribers.HandleTx(sub, func(context.Context, pgx.Tx, contrail.Delivered[drafted]) error { return nil })
		} else {
			subscribers.HandleSQL(sub, takeEffectSQL)
		}
		require.ErrorContains(t, outcome(t, sub), "HandleTx needs an inbox of NewInbox, HandleSQL one of NewInboxSQL")
	}
}
