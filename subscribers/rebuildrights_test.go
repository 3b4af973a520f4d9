package subscribers_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/projections"
)

// login is a pool whose sessions have the rights of the roles, and of the read model, alone.
func (w *storedWorld) login(tb testing.TB, name string, roles string) *pgxpool.Pool {
	tb.Helper()
	quoted := pgx.Identifier{w.pool.Config().ConnConfig.Database + name}.Sanitize()
	w.exec(tb, `CREATE ROLE `+quoted+` NOLOGIN IN ROLE `+roles+`; GRANT USAGE ON SCHEMA model TO `+quoted+`;
		GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA model TO `+quoted+`; GRANT USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA model TO `+quoted)
	config := w.pool.Config()
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `SET ROLE `+quoted)
		return err
	}
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(tb.Context()), config)
	require.NoError(tb, err)
	tb.Cleanup(func() {
		pool.Close()
		_, err := w.pool.Exec(context.WithoutCancel(tb.Context()), `DROP OWNED BY `+quoted+`; DROP ROLE `+quoted)
		require.NoError(tb, err)
	})
	return pool
}

// The usual roles are enough, with CREATE on the database; without that, one is told.
func TestRebuildRights(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	w.pool = poolOutliving(t, w.pool)
	require.NoError(t, eventstore.GrantRoles(t.Context(), w.pool))
	pool := w.login(t, "_r", "contrail_consume, contrail_read")
	run(t, w.projection(t, pool, subscribers.ProjectionConfig{Tables: modelTables}, projectModel))
	w.relay(t, 20, 3)
	w.reaches(t, w.pool)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := projections.Await(ctx, w.pool, w.ask(t), nil)
	require.ErrorContains(t, err, "CREATE on the database")

	database := w.pool.Config().ConnConfig.Database
	w.exec(t, `GRANT CREATE ON DATABASE `+pgx.Identifier{database}.Sanitize()+` TO `+pgx.Identifier{database + "_r"}.Sanitize())
	w.exec(t, `TRUNCATE model.lines RESTART IDENTITY`)
	w.awaitDone(t, w.ask(t))
	require.Equal(t, upTo(20), w.positions(t))
	w.relay(t, 5, 3)
	w.reaches(t, w.pool)
	require.Equal(t, upTo(25), w.positions(t))
}

// The events may be in another database than the read model, which only the application can reach.
func TestRebuildFromAnotherStore(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	store := pgtest.New(t)
	w.exec(t, `DROP TABLE contrail.parked`) // nothing is looked up here
	run(t, w.model(t, subscribers.ProjectionConfig{Batch: 8, Store: store}))
	elsewhere := &storedWorld{world: w.world, pool: store}
	elsewhere.relay(t, 30, 3)
	left := elsewhere.stored(t, "invoice-1", drafted{})
	elsewhere.leaveOut(t, left, "parked", "refused")
	elsewhere.relay(t, 30, 3)
	w.reaches(t, w.pool)
	w.spoil(t)
	w.awaitDone(t, w.ask(t))
	require.Equal(t, upTo(w.position, left.Position), w.positions(t))
	elsewhere.resent(t, left, "requeue")
	w.reachesLast(t)
	require.Equal(t, upTo(w.position), w.positions(t))
}

// poolOutliving is a pool like another, which is closed after what is cleaned up with it.
func poolOutliving(tb testing.TB, like *pgxpool.Pool) *pgxpool.Pool {
	tb.Helper()
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(tb.Context()), like.Config())
	require.NoError(tb, err)
	tb.Cleanup(pool.Close)
	return pool
}
