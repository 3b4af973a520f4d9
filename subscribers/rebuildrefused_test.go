package subscribers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/subscribers"
)

// projectInto writes the events' positions to tables of one column.
func projectInto(tables ...string) subscribers.ProjectFunc {
	return func(ctx context.Context, tx pgx.Tx, events []contrail.Delivered[json.RawMessage]) error {
		for _, e := range events {
			for _, table := range tables {
				if _, err := tx.Exec(ctx, fmt.Sprintf(`INSERT INTO %s VALUES ($1)`, table), e.Position); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

func (w *storedWorld) count(tb testing.TB, table string) (rows int) {
	tb.Helper()
	require.NoError(tb, w.pool.QueryRow(tb.Context(), `SELECT count(*) FROM `+table).Scan(&rows))
	return rows
}

// Rows of a table that inherits from a read model's are not the projection's to delete.
func TestRebuildSparesTablesThatInherit(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	w.exec(t, `CREATE TABLE model.base (position bigint); CREATE TABLE model.child (note text) INHERITS (model.base);
		INSERT INTO model.child VALUES (1, 'not the projection''s')`)
	run(t, w.projection(t, w.pool, subscribers.ProjectionConfig{Tables: []string{"model.base"}}, projectInto("base")))
	w.relay(t, 5, 2)
	w.reaches(t, w.pool)
	w.rebuildFails(t, "has tables that inherit from it")
	require.Equal(t, 1, w.count(t, "model.child"))
}

// The handler writes to a table of the search path that is not in Tables, where a rebuild would write all events a second time.
func TestRebuildSparesTablesThatAreNotNamed(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	w.exec(t, `CREATE TABLE public.a (position bigint); CREATE TABLE public.b (position bigint)`)
	run(t, w.projection(t, w.pool, subscribers.ProjectionConfig{Tables: []string{"public.a"}}, projectInto("a", "b")))
	w.relay(t, 5, 2)
	w.reaches(t, w.pool)
	w.rebuildFails(t, "name all of them in ProjectionConfig.Tables")
	require.Equal(t, [2]int{5, 5}, [2]int{w.count(t, "public.a"), w.count(t, "public.b")})
}

// The new tables were begun by another login, whose they are: the one that can't drop them says so.
func TestRebuildOverTablesOfAnotherLogin(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	w.pool = poolOutliving(t, w.pool)
	require.NoError(t, eventstore.GrantRoles(t.Context(), w.pool))
	pool := w.login(t, "_o", "contrail_consume, contrail_read")
	database := w.pool.Config().ConnConfig.Database
	w.exec(t, `GRANT CREATE ON DATABASE `+pgx.Identifier{database}.Sanitize()+` TO `+pgx.Identifier{database + "_o"}.Sanitize())
	w.exec(t, `CREATE SCHEMA contrail_rebuild_test`)
	run(t, w.projection(t, pool, subscribers.ProjectionConfig{Tables: modelTables}, projectModel))
	w.relay(t, 20, 3)
	w.reaches(t, w.pool)
	w.rebuildFails(t, "must be owner of schema contrail_rebuild_test")
}

// Rows that somebody else's refer to, by a foreign key that is checked at the end, are missing from the new read model: the rebuild is given up for
// good, and not tried for ever.
func TestRebuildThatADeferrableForeignKeyRefuses(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	w.exec(t, `CREATE TABLE model.more (stream text REFERENCES model.counters DEFERRABLE)`)
	run(t, w.model(t, subscribers.ProjectionConfig{}))
	w.relay(t, 20, 3)
	w.reaches(t, w.pool)
	w.exec(t, `INSERT INTO model.counters VALUES ('gone', 1); INSERT INTO model.more VALUES ('gone')`)
	w.rebuildFails(t, "more_stream_fkey")
	require.Equal(t, upTo(20), w.positions(t))
}

// A trigger of the read model's refuses the deletion of its rows: the rebuild is given up for good.
func TestRebuildThatATriggerRefuses(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	w.exec(t, `CREATE FUNCTION model.keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'append only'; END $$;
		CREATE TRIGGER keep BEFORE DELETE ON model.lines FOR EACH ROW EXECUTE FUNCTION model.keep()`)
	run(t, w.model(t, subscribers.ProjectionConfig{}))
	w.relay(t, 20, 3)
	w.reaches(t, w.pool)
	w.rebuildFails(t, "append only")
	require.Equal(t, upTo(20), w.positions(t))
}

// The login's search path is empty: the handler's bare names are found all the same, in the live tables and in the new ones.
func TestRebuildOnAnEmptySearchPath(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	config := w.pool.Config()
	config.ConnConfig.RuntimeParams["search_path"] = ""
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	run(t, w.projection(t, pool, subscribers.ProjectionConfig{Tables: modelTables}, projectModel))
	w.relay(t, 20, 3)
	w.reaches(t, w.pool)
	w.awaitDone(t, w.ask(t))
	require.Equal(t, upTo(20), w.positions(t))
}

// The handler reads whole rows, whose type is another one in the new tables than in the live ones: neither stumbles over what the session has cached.
func TestRebuildOfAHandlerThatReadsWholeRows(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	logged := newLog()
	run(t, w.projection(t, w.pool, subscribers.ProjectionConfig{Tables: modelTables, Logger: logged.logger()},
		func(ctx context.Context, tx pgx.Tx, events []contrail.Delivered[json.RawMessage]) error {
			if err := projectModel(ctx, tx, events); err != nil {
				return err
			}
			var row any
			return tx.QueryRow(ctx, `SELECT c FROM counters c LIMIT 1`).Scan(&row)
		}))
	for range 10 { // the driver prepares what it sees often
		w.relay(t, 2, 3)
		w.reaches(t, w.pool)
	}
	w.awaitDone(t, w.ask(t))
	for range 5 {
		w.relay(t, 2, 3)
		w.reaches(t, w.pool)
	}
	require.Equal(t, upTo(30), w.positions(t))
	logged.never(t, "can't get past")
}
