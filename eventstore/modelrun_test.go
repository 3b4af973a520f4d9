package eventstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// Random transactions against the model: appends with every expectation, repetitions true and false, plain SQL, savepoints, rollbacks. After
// each, every answer and everything that can be read must be the model's.
func TestAppendAndReadAreTheModels(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	reader := connect(t, pool)
	rapid.Check(t, func(t *rapid.T) {
		run := newModelRun(t, pool, reader)
		for range rapid.IntRange(1, 8).Draw(t, "transactions") {
			run.transaction(t)
			run.compare(t)
		}
	})
}

// modelRun is a store and its model, side by side. All runs share a database: each has streams of its own, and begins where the last ended.
type modelRun struct {
	pool      *pgxpool.Pool
	reader    *pgx.Conn
	store     *eventstore.Store
	streams   []contrail.StreamID
	committed model
	begin     contrail.Position // the horizon before the run's first event
	top       contrail.Position // the last position that was given to this run, also to what was rolled back
	gone      []uuid.UUID       // ids that were rolled back, and are free again
}

func newModelRun(t *rapid.T, pool *pgxpool.Pool, reader *pgx.Conn) *modelRun {
	ctx := context.Background()
	store, err := eventstore.New(eventstore.Config{})
	require.NoError(t, err)
	begin, err := eventstore.Horizon(ctx, pool)
	require.NoError(t, err)
	run := &modelRun{pool: pool, reader: reader, store: store, begin: begin, top: begin}
	name := uuid.NewString()
	for _, category := range []string{"a", "b", "c"} {
		run.streams = append(run.streams, contrail.NewStreamID(category, name))
	}
	return run
}

// transaction does some work in a transaction and ends it either way.
func (r *modelRun) transaction(t *rapid.T) {
	ctx := context.Background()
	tx, err := r.pool.Begin(ctx)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(ctx) }()
	after, good := r.work(t, tx, r.committed, 0)
	if good && rapid.IntRange(0, 3).Draw(t, "end") > 0 {
		require.NoError(t, tx.Commit(ctx))
		r.committed = after
		return
	}
	require.NoError(t, tx.Rollback(ctx))
	r.forget(after, r.committed)
}

// forget notes which ids a rollback has freed.
func (r *modelRun) forget(after, before model) {
	for _, event := range after.events[len(before.events):] {
		r.gone = append(r.gone, event.ID)
	}
}

// work does a few things in tx and returns what the model then is, and whether the transaction is still good.
func (r *modelRun) work(t *rapid.T, tx pgx.Tx, before model, depth int) (after model, good bool) {
	after, good = before.clone(), true
	for range rapid.IntRange(1, 5).Draw(t, "steps") {
		switch step := rapid.SampledFrom([]string{"append", "append", "append", "insert", "copy", "savepoint", "read"}).Draw(t, "step"); {
		case step == "append":
			good = r.append(t, tx, &after)
		case step == "insert" || step == "copy":
			good = r.insert(t, tx, &after, step == "copy")
		case step == "savepoint" && depth < 2:
			r.savepoint(t, tx, &after, depth)
		default:
			r.compareLoads(t, tx, after)
			r.compareFeed(t)
		}
		if !good {
			return after, false
		}
	}
	return after, true
}

// savepoint works in a savepoint, which it releases or rolls back; a step that aborted it costs no more than the savepoint.
func (r *modelRun) savepoint(t *rapid.T, tx pgx.Tx, state *model, depth int) {
	ctx := context.Background()
	inner, err := tx.Begin(ctx)
	require.NoError(t, err)
	after, good := r.work(t, inner, *state, depth+1)
	if good && rapid.Bool().Draw(t, "release") {
		require.NoError(t, inner.Commit(ctx))
		*state = after
		return
	}
	require.NoError(t, inner.Rollback(ctx))
	r.forget(after, *state)
}

// append appends and compares the answer with the model's. It returns whether the transaction is still good.
func (r *modelRun) append(t *rapid.T, tx pgx.Tx, state *model) (good bool) {
	stream := rapid.SampledFrom(r.streams).Draw(t, "stream")
	events := r.drawEvents(t, *state, &stream)
	expected := drawExpected(t, state.version(stream))
	repeated, want := state.append(stream, expected, events)
	recorded, err := r.store.Append(context.Background(), tx, stream, expected, events...)
	t.Logf("append %d events to %s, expecting %s: %v", len(events), stream.Category(), expected, err)
	if want != nil {
		return requireSameRefusal(t, want, err)
	}
	require.NoError(t, err)
	if repeated != nil {
		requireEvents(t, repeated, recorded)
		return true
	}
	require.Len(t, recorded, len(events))
	version := state.version(stream)
	for i, event := range events {
		assigned := contrail.Recorded{ID: recorded[i].ID, Position: recorded[i].Position, RecordedAt: recorded[i].RecordedAt}
		if event.ID != uuid.Nil {
			assigned.ID = event.ID
		}
		assigned.Stream, assigned.Version, assigned.Type, assigned.Metadata = stream, version+int64(i)+1, event.Type, event.Metadata
		assigned.Data, _ = event.Data.(json.RawMessage)
		r.add(t, state, assigned)
	}
	requireEvents(t, state.events[len(state.events)-len(events):], recorded)
	return true
}

// requireSameRefusal compares errors, and returns whether the transaction is still good: it is, unless the duplicate is one without a place.
func requireSameRefusal(t *rapid.T, want, err error) (good bool) {
	if expected, ok := errors.AsType[*eventstore.ConflictError](want); ok {
		conflict, is := errors.AsType[*eventstore.ConflictError](err)
		require.True(t, is, "want %v, got %v", want, err)
		require.Equal(t, expected, conflict)
		require.ErrorIs(t, err, contrail.ErrConflict)
		return true
	}
	duplicate, is := errors.AsType[*eventstore.DuplicateError](err)
	require.True(t, is, "want %v, got %v", want, err)
	require.Equal(t, want, error(duplicate))
	return duplicate.ID != uuid.Nil
}

// add puts an event that the store has taken into the model: positions must ascend.
func (r *modelRun) add(t *rapid.T, state *model, event contrail.Recorded) {
	require.Greater(t, event.Position, r.top, "positions ascend")
	require.NotEqual(t, uuid.Nil, event.ID)
	require.False(t, event.RecordedAt.IsZero())
	r.top = event.Position
	if event.Metadata == nil {
		event.Metadata = contrail.Metadata{}
	}
	state.events = append(state.events, event)
}

// insert writes a few rows as any other program does: by INSERT or COPY, at the next versions, or above a gap, or at a version that is taken.
func (r *modelRun) insert(t *rapid.T, tx pgx.Tx, state *model, byCopy bool) (good bool) {
	ctx := context.Background()
	stream := rapid.SampledFrom(r.streams).Draw(t, "stream")
	version := state.version(stream) + rapid.SampledFrom([]int64{1, 1, 1, 2, 0}).Draw(t, "skip")
	if version == 0 {
		version = 1
	}
	taken := len(state.stream(stream, version)) > 0
	rows, ids := [][]any{}, []uuid.UUID{}
	for i := range rapid.Int64Range(1, 3).Draw(t, "rows") {
		ids = append(ids, uuid.New())
		rows = append(rows, []any{ids[i], stream.String(), version + i, "Inserted", `{"n":0}`})
	}
	var err error
	if byCopy {
		_, err = tx.CopyFrom(ctx, pgx.Identifier{"contrail", "events"}, []string{"id", "stream", "version", "type", "data"}, pgx.CopyFromRows(rows))
	} else {
		_, err = tx.Exec(ctx, `INSERT INTO contrail.events (id, stream, version, type, data)
			SELECT id, $2, $3::bigint + n - 1, 'Inserted', '{"n":0}' FROM unnest($1::uuid[]) WITH ORDINALITY AS given (id, n) ORDER BY n`, ids, stream.String(), version)
	}
	t.Logf("insert %d rows into %s at version %d: %v", len(rows), stream.Category(), version, err)
	if taken {
		pgErr, ok := errors.AsType[*pgconn.PgError](err)
		require.True(t, ok, "%v", err)
		require.Equal(t, "events_stream_version_key", pgErr.ConstraintName)
		return false
	}
	require.NoError(t, err)
	for i, id := range ids {
		event := contrail.Recorded{ID: id, Stream: stream, Version: version + int64(i), Type: "Inserted", Data: json.RawMessage(`{"n":0}`)}
		err := tx.QueryRow(ctx, `SELECT position, recorded_at FROM contrail.events WHERE id = $1`, id).Scan(&event.Position, &event.RecordedAt)
		require.NoError(t, err)
		event.RecordedAt = event.RecordedAt.UTC()
		r.add(t, state, event)
	}
	return true
}

// compare reads everything in every way, outside any transaction.
func (r *modelRun) compare(t *rapid.T) {
	r.compareLoads(t, r.pool, r.committed)
	r.compareFeed(t)
}

func (r *modelRun) compareLoads(t *rapid.T, db eventstore.Querier, want model) {
	for _, stream := range r.streams {
		from := rapid.Int64Range(0, want.version(stream)+1).Draw(t, "from")
		var loaded []contrail.Recorded
		for event, err := range r.store.Load(context.Background(), db, stream, from) {
			require.NoError(t, err)
			loaded = append(loaded, event)
		}
		requireEvents(t, want.stream(stream, from), loaded)
	}
}

// compareFeed reads on, from any position, what is committed: also while a transaction of this run is open, since all it has is above.
func (r *modelRun) compareFeed(t *rapid.T) {
	after := contrail.Position(rapid.Int64Range(int64(r.begin), int64(r.top)).Draw(t, "after"))
	want := r.committed.after(after)
	feed, err := eventstore.NewFeed(r.reader, eventstore.FeedConfig{After: after, BatchEvents: rapid.IntRange(1, 5).Draw(t, "batch")})
	require.NoError(t, err)
	var found []contrail.Recorded
	for {
		events, err := feed.Next(context.Background())
		require.NoError(t, err)
		if len(events) == 0 {
			break
		}
		found = append(found, events...)
	}
	requireEvents(t, want, found)
	found = nil
	for event, err := range r.store.Read(context.Background(), r.pool, eventstore.Query{After: after}) {
		require.NoError(t, err)
		found = append(found, event)
	}
	requireEvents(t, want, found)
}

// requireEvents compares events but for the blanks in their data.
func requireEvents(t *rapid.T, want, got []contrail.Recorded) {
	text := func(events []contrail.Recorded) (lines []string) {
		for _, event := range events {
			event.Data = json.RawMessage(compact(event.Data))
			lines = append(lines, fmt.Sprintf("%+v %s", event, event.Data))
		}
		return lines
	}
	require.Equal(t, text(want), text(got))
}
