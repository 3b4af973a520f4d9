package deliveries_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

type decide func(ctx context.Context, db deliveries.Beginner, id uuid.UUID, order deliveries.Order) (deliveries.Decided, error)

func decisions() []decide { return []decide{deliveries.Redrive, deliveries.Cancel} }

const persons = 16

// together has sixteen persons do the same at once, each on a connection of their own, and returns what they are told.
func together[T any](b book, do func(ctx context.Context, conn *pgxpool.Conn) (T, error)) []T {
	b.Helper()
	config := b.pool.Config()
	config.MaxConns = persons
	pool, err := pgxpool.NewWithConfig(b.Context(), config)
	require.NoError(b, err)
	defer pool.Close()
	var conns []*pgxpool.Conn
	for range persons {
		conn, err := pool.Acquire(b.Context())
		require.NoError(b, err)
		defer conn.Release()
		conns = append(conns, conn)
	}
	told, start := make([]T, persons), make(chan struct{})
	group, ctx := errgroup.WithContext(b.Context())
	for n, conn := range conns {
		group.Go(func() (err error) {
			<-start
			told[n], err = do(ctx, conn)
			return err
		})
	}
	close(start)
	require.NoError(b, group.Wait())
	return told
}

// Of sixteen who decide at once one has his way, and the others are told so.
func TestOnePersonDecides(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		way    string
		decide decide
		redone int // deliveries that are new
	}{
		"redrive what is held":      {"failed, held, ambiguous", deliveries.Redrive, 0},
		"redrive what was put off":  {"pending, waiting, quiet hours", deliveries.Redrive, 0},
		"redrive what is cancelled": {"cancelled, permanent", deliveries.Redrive, 1},
		"cancel what is due":        {"pending, due", deliveries.Cancel, 0},
		"cancel what is under way":  {"dispatched, running", deliveries.Cancel, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBook(t)
			id := ways()[c.way](b)
			before := b.explain(id)
			changed := 0
			for _, told := range together(b, func(ctx context.Context, conn *pgxpool.Conn) (deliveries.Decided, error) {
				return c.decide(ctx, conn, id, ada("mended"))
			}) {
				require.True(t, told.Done, told.Text)
				if told.Changed {
					changed++
				}
			}
			require.Equal(t, 1, changed)
			require.Len(t, b.explain(id).Entries, len(before.Entries)+1)
			require.Equal(t, 1+c.redone, value[int](b, `SELECT count(*) FROM contrail.deliveries`))
		})
	}
}

// While persons redrive and cancel, processes try to begin: each attempt is begun once, what is cancelled has none any more, and whoever was too
// late is told.
func TestPersonsAndProcessesAtOnce(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	for range 20 {
		id := b.plan(planned{})
		b.try(id, ambiguous())
		begun := make(chan int, persons)
		n := make(chan int, persons)
		for i := range persons {
			n <- i
		}
		told := together(b, func(ctx context.Context, conn *pgxpool.Conn) (deliveries.Decided, error) {
			switch i := <-n; {
			case i < 2:
				return decisions()[i](ctx, conn, id, ada("mended"))
			default:
				for range 5 {
					var number int
					err := conn.QueryRow(ctx, `SELECT coalesce((SELECT number FROM contrail.delivery_begin($1, $2, '1 minute', 5, 'hold', '1 hour')), 0)`,
						id, process).Scan(&number)
					if err != nil {
						return deliveries.Decided{}, err
					}
					if number > 0 {
						begun <- number
					}
				}
				return deliveries.Decided{}, nil
			}
		})
		close(begun)
		var attempts []int
		for number := range begun {
			attempts = append(attempts, number)
		}
		after := b.explain(id)
		require.LessOrEqual(t, len(attempts), 1)
		require.Equal(t, 1+len(attempts), after.Attempts)
		if len(attempts) == 1 {
			require.Equal(t, []any{deliveries.Dispatched, 2}, []any{after.State, attempts[0]})
			b.complete(id, 2, temporary())
			after = b.explain(id)
		}
		for _, one := range told {
			if one.Changed && one.Text != "is due now, and may reach the recipient twice" {
				require.Equal(t, deliveries.Cancelled, after.State, one.Text)
			}
		}
	}
}

// A person waits for an attempt that is just being begun, and then decides about what is under way.
func TestPersonWaitsForWhatBegins(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	id := b.plan(planned{})
	tx, err := b.pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(context.WithoutCancel(t.Context()))
	_, err = tx.Exec(t.Context(), `SELECT contrail.delivery_begin($1, $2, '1 minute', 5, 'hold', '1 hour')`, id, process)
	require.NoError(t, err)
	told := make(chan deliveries.Decided, 1)
	go func() {
		one, _ := deliveries.Cancel(t.Context(), b.pool, id, ada("paid by phone"))
		told <- one
	}()
	require.Eventually(t, func() bool {
		return value[bool](b, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`)
	}, 30*time.Second, 5*time.Millisecond)
	require.NoError(t, tx.Commit(t.Context()))
	require.Regexp(t, `^is cancelled unless attempt 1 succeeds`, (<-told).Text)
}

// A decision in a transaction is made with it, or not at all.
func TestDecideInATransaction(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	for _, decide := range decisions() {
		id := b.plan(planned{due: time.Hour})
		before := b.explain(id)
		tx, err := b.pool.Begin(t.Context())
		require.NoError(t, err)
		told, err := decide(t.Context(), tx, id, ada("mended"))
		require.NoError(t, err)
		require.True(t, told.Changed)
		require.NoError(t, tx.Rollback(t.Context()))
		require.Equal(t, before, b.explain(id))
		require.NoError(t, pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error {
			_, err := decide(t.Context(), tx, id, ada("mended"))
			return err
		}))
		require.NotEqual(t, before.Standing, b.explain(id).Standing)
	}
}

// Another tenant's delivery is as if there were none: it is not listed, counted, shown, changed or deleted, and nothing tells the two apart.
func TestTenantsSeeTheirOwnAlone(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	theirs := b.plan(planned{tenant: "t-2", due: time.Hour})
	ended := b.plan(planned{tenant: "t-2"})
	b.try(ended, permanent())
	b.age("100 days", ended)
	nobodys := b.plan(planned{due: time.Hour})
	scope := deliveries.Scope{Tenant: "t-1"}
	unknown := uuid.New()
	all := []uuid.UUID{unknown, theirs, ended, nobodys}
	before := value[string](b, `SELECT string_agg(d::text, '' ORDER BY id) FROM contrail.deliveries d`)
	for _, id := range all {
		_, err := deliveries.Explain(t.Context(), b.pool, id, scope)
		require.ErrorIs(t, err, deliveries.ErrNotFound)
		require.EqualError(t, err, "delivery "+id.String()+": no such delivery")
		for n, decide := range decisions() {
			order := ada("mine, all mine")
			order.Scope, order.Force = scope, true
			_, err := decide(t.Context(), b.pool, id, order)
			require.ErrorIs(t, err, deliveries.ErrNotFound)
			require.EqualError(t, err, []string{"redrive", "cancel"}[n]+" delivery "+id.String()+": no such delivery")
		}
	}
	require.Empty(t, listed(t, deliveries.List(t.Context(), b.pool, deliveries.Filter{Tenant: "t-1"})))
	require.Empty(t, listed(t, deliveries.List(t.Context(), b.pool, deliveries.Filter{Tenant: "t-1", After: theirs, OldestFirst: true})))
	stats, err := deliveries.Stats(t.Context(), b.pool, deliveries.Filter{Tenant: "t-1"})
	require.NoError(t, err)
	require.Empty(t, stats)
	purged, err := deliveries.Purge(t.Context(), b.pool, deliveries.Retention{Scope: scope})
	require.NoError(t, err)
	require.Zero(t, purged)
	require.Equal(t, before, value[string](b, `SELECT string_agg(d::text, '' ORDER BY id) FROM contrail.deliveries d`))
}

// One who operates decides, one who reads looks, and one who consumes may do both.
func TestRightsOfPersons(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	require.NoError(t, eventstore.GrantRoles(t.Context(), b.pool))
	as := func(role string) *pgxpool.Pool {
		config := b.pool.Config()
		config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, `SET ROLE `+role)
			return err
		}
		pool, err := pgxpool.NewWithConfig(t.Context(), config)
		require.NoError(t, err)
		t.Cleanup(pool.Close)
		return pool
	}
	reads := as("contrail_read")
	for _, role := range []string{"contrail_operate", "contrail_consume"} {
		operates := as(role)
		id := b.plan(planned{})
		b.try(id, permanent())
		for _, decide := range decisions() {
			_, err := decide(t.Context(), reads, id, ada("mended"))
			require.ErrorContains(t, err, "permission denied")
		}
		told, err := deliveries.Redrive(t.Context(), operates, id, ada("mended"))
		require.NoError(t, err)
		_, err = deliveries.Cancel(t.Context(), operates, told.Becomes, ada("paid by phone"))
		require.NoError(t, err)
		_, err = deliveries.Explain(t.Context(), operates, id, deliveries.Scope{})
		require.NoError(t, err)
		b.age("100 days", id, told.Becomes)
		_, err = deliveries.Purge(t.Context(), reads, deliveries.Retention{})
		require.ErrorContains(t, err, "permission denied")
		_, err = deliveries.Stats(t.Context(), reads, deliveries.Filter{})
		require.NoError(t, err)
		require.Len(t, listed(t, deliveries.List(t.Context(), reads, deliveries.Filter{})), 2)
		purged, err := deliveries.Purge(t.Context(), operates, deliveries.Retention{})
		require.NoError(t, err)
		require.Equal(t, deliveries.Purged{Deliveries: 2, Events: 1}, purged)
	}
}
