package subscribers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/projections"
)

// modelSQL makes a read model of two tables, whose sums must always agree.
const modelSQL = `CREATE SCHEMA model;
CREATE TABLE model.counters (stream text PRIMARY KEY, events int NOT NULL, twice int GENERATED ALWAYS AS (events * 2) STORED);
CREATE TABLE model.lines (
	number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, old_number bigserial, position bigint NOT NULL, stream text NOT NULL REFERENCES model.counters,
	metadata jsonb NOT NULL, data jsonb NOT NULL, version bigint NOT NULL, recorded_at timestamptz NOT NULL);
CREATE INDEX ON model.lines (stream)`

var modelTables = []string{"model.counters", "model.lines"}

const (
	countSQL = `INSERT INTO counters AS c (stream, events) VALUES ($1, 1) ON CONFLICT (stream) DO UPDATE SET events = c.events + 1`
	lineSQL  = `INSERT INTO lines (position, stream, metadata, data, version, recorded_at) VALUES ($1, $2, $3, $4, $5, $6)`
)

// projectModel is not idempotent, so that a second effect shows.
func projectModel(ctx context.Context, tx pgx.Tx, events []contrail.Delivered[json.RawMessage]) error {
	batch := &pgx.Batch{}
	for _, e := range events {
		batch.Queue(countSQL, e.Stream.String())
		batch.Queue(lineSQL, e.Position, e.Stream.String(), e.Metadata, e.Data, e.Version, e.RecordedAt)
	}
	return tx.SendBatch(ctx, batch).Close()
}

// storedWorld is a world whose events are in a store, too, and in a read model.
type storedWorld struct {
	*world

	pool *pgxpool.Pool
}

func newStoredWorld(tb testing.TB) *storedWorld {
	tb.Helper()
	w := &storedWorld{world: newWorld(tb), pool: pgtest.New(tb)}
	w.exec(tb, modelSQL)
	return w
}

func (w *storedWorld) exec(tb testing.TB, sql string, args ...any) {
	tb.Helper()
	_, err := w.pool.Exec(tb.Context(), sql, args...)
	require.NoError(tb, err)
}

const storeSQL = `INSERT INTO contrail.events (position, id, stream, version, type, data, metadata, recorded_at) OVERRIDING SYSTEM VALUE
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

// stored makes the next event of a stream, and stores it.
func (w *storedWorld) stored(tb testing.TB, stream string, payload contrail.Payload) contrail.Recorded {
	tb.Helper()
	event := w.event(stream, payload)
	w.keep(tb, event)
	return event
}

func (w *storedWorld) keep(tb testing.TB, events ...contrail.Recorded) {
	tb.Helper()
	batch := &pgx.Batch{}
	for _, e := range events {
		batch.Queue(storeSQL, e.Position, e.ID, e.Stream.String(), e.Version, e.Type, e.Data, e.Metadata, e.RecordedAt)
	}
	require.NoError(tb, w.pool.SendBatch(tb.Context(), batch).Close())
}

// relay stores and publishes so many events over some streams.
func (w *storedWorld) relay(tb testing.TB, count, streams int) {
	tb.Helper()
	events := make([]contrail.Recorded, count)
	for i := range events {
		events[i] = w.event(fmt.Sprintf("invoice-%d", i%streams), drafted{N: i})
		events[i].Metadata = contrail.Metadata{"tenant_id": "t", "my_own_key": "k"}
	}
	w.keep(tb, events...)
	for _, event := range events {
		w.send(tb, event)
	}
}

// leaveOut writes down what a relay has left out.
func (w *storedWorld) leaveOut(tb testing.TB, event contrail.Recorded, state, reason string) {
	tb.Helper()
	w.exec(tb, `INSERT INTO contrail.parked (relay, position, stream, state, reason) VALUES ('EVENTS', $1, $2, $3, $4)`,
		event.Position, event.Stream.String(), state, reason)
}

// resent publishes an event out of its order, and writes that down as a relay does.
func (w *storedWorld) resent(tb testing.TB, event contrail.Recorded, mark string) {
	tb.Helper()
	w.resend(tb, event, mark, w.position)
	w.writeDown(tb, event)
}

// writeDown writes down that an event is the stream's last message.
func (w *storedWorld) writeDown(tb testing.TB, event contrail.Recorded) {
	tb.Helper()
	w.exec(tb, `UPDATE contrail.parked SET state = 'published', sequence = $2 WHERE position = $1`, event.Position, int64(w.last(tb)))
}

// last is the stream's last sequence.
func (w *storedWorld) last(tb testing.TB) uint64 {
	tb.Helper()
	stream, err := w.js.Stream(tb.Context(), "EVENTS")
	require.NoError(tb, err)
	return stream.CachedInfo().State.LastSeq
}

func (w *storedWorld) model(tb testing.TB, config subscribers.ProjectionConfig) *subscribers.Projection {
	tb.Helper()
	if config.Tables == nil {
		config.Tables = modelTables
	}
	return w.projection(tb, w.pool, config, projectModel)
}

// reachesLast waits until the projection has read the stream's last message.
func (w *storedWorld) reachesLast(tb testing.TB) {
	tb.Helper()
	arrives(tb, w.pool, w.position, int64(w.last(tb)))
}

func (w *storedWorld) ask(tb testing.TB) projections.RebuildStatus {
	tb.Helper()
	asked, err := projections.Rebuild(tb.Context(), w.pool, "test", projections.Order{By: "ada", Because: "of a test"})
	require.NoError(tb, err)
	return asked
}

// awaitDone waits until a rebuild is done.
func (w *storedWorld) awaitDone(tb testing.TB, asked projections.RebuildStatus) projections.RebuildStatus {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	done, err := projections.Await(ctx, w.pool, asked, nil)
	require.NoError(tb, err)
	return done
}

// content is what the read model holds, but for numbers that are drawn from sequences.
func (w *storedWorld) content(tb testing.TB) (lines, counters []string) {
	tb.Helper()
	read := func(sql string) []string {
		rows, _ := w.pool.Query(tb.Context(), sql)
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(tb, err)
		return found
	}
	return read(`SELECT concat_ws(' ', position, stream, metadata, data, version, recorded_at) FROM model.lines ORDER BY position`),
		read(`SELECT concat_ws(' ', stream, events, twice) FROM model.counters ORDER BY stream`)
}

// positions are those of the events in the read model, ascending, each as often as it was projected.
func (w *storedWorld) positions(tb testing.TB) []int {
	tb.Helper()
	rows, _ := w.pool.Query(tb.Context(), `SELECT position FROM model.lines ORDER BY position`)
	found, err := pgx.CollectRows(rows, pgx.RowTo[int])
	require.NoError(tb, err)
	return found
}

// spoil makes the read model wrong, as a bug might have.
func (w *storedWorld) spoil(tb testing.TB) {
	tb.Helper()
	w.exec(tb, `UPDATE model.counters SET events = -1; DELETE FROM model.lines WHERE position % 2 = 0; INSERT INTO model.counters VALUES ('nobody', 7)`)
}

// nothingIsLeft wants no trace of a rebuild.
func (w *storedWorld) nothingIsLeft(tb testing.TB) {
	tb.Helper()
	eventually(tb, func() bool {
		var schemas int
		err := w.pool.QueryRow(tb.Context(), `SELECT count(*) FROM pg_namespace WHERE starts_with(nspname, 'contrail_rebuild_')`).Scan(&schemas)
		return err == nil && schemas == 0
	})
}

func jetstreamFilter(subject string) jetstream.StreamInfoOpt {
	return jetstream.WithSubjectFilter(subject)
}

// watch reads until ctx ends, and wants a whole read model each time, one that never loses anything, and at REPEATABLE READ the same twice.
func (w *storedWorld) watch(ctx context.Context, level pgx.TxIsoLevel) error {
	const sums = `SELECT (SELECT count(*) FROM model.lines), (SELECT coalesce(sum(events), 0) FROM model.counters)`
	last := 0
	for ctx.Err() == nil {
		err := pgx.BeginTxFunc(context.WithoutCancel(ctx), w.pool, pgx.TxOptions{IsoLevel: level}, func(tx pgx.Tx) error {
			for try := range 3 {
				var lines, events int
				if err := tx.QueryRow(context.WithoutCancel(ctx), sums).Scan(&lines, &events); err != nil {
					return err
				}
				if lines != events || lines < last || try > 0 && level == pgx.RepeatableRead && lines != last {
					return fmt.Errorf("at %s, try %d: %d lines, %d events, and %d before", level, try, lines, events, last)
				}
				last = lines
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
