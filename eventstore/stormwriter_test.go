package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
)

var errChangedMind = errors.New("changed my mind")

// stormWriter writes one transaction after another, in its own way.
type stormWriter struct {
	*storm
	number int
	random *rand.Rand
}

func newStormWriter(s *storm, number int) *stormWriter {
	return &stormWriter{storm: s, number: number, random: rand.New(rand.NewPCG(uint64(number), 42))}
}

func (w *stormWriter) run(ctx context.Context) {
	whole := context.WithoutCancel(ctx) // a transaction that has begun is finished
	for ctx.Err() == nil {
		w.awaitGust(ctx)
		var err error
		if w.prepares && w.number%4 == 3 {
			err = w.prepareAndPassOn(whole)
		} else {
			err = w.transact(whole)
		}
		if err != nil && !w.survives(whole, fmt.Sprintf("writer %d", w.number), err) {
			return
		}
	}
}

// awaitGust waits for the end of a lull; the first two writers wait for a moment only, and are alone then.
func (w *stormWriter) awaitGust(ctx context.Context) {
	into := time.Since(w.began) % (gust + lull)
	switch {
	case into < gust:
	case w.number < 2:
		pause(ctx, 15*time.Millisecond)
	default:
		pause(ctx, gust+lull-into)
	}
}

func (w *stormWriter) dawdle(ctx context.Context) {
	pause(ctx, time.Duration(w.random.ExpFloat64()*float64(4*time.Millisecond)))
}

// transact writes some events, and commits them or not.
func (w *stormWriter) transact(ctx context.Context) error {
	tx, err := w.pool.Begin(ctx)
	if err != nil {
		return err
	}
	w.dawdle(ctx)
	page := w.ledger.begin()
	err = w.insert(ctx, tx, page)
	w.dawdle(ctx)
	if err != nil || w.random.IntN(5) == 0 {
		_ = tx.Rollback(ctx)
		page.end(rolledBack)
		return err
	}
	err = tx.Commit(ctx)
	page.end(fateOf(err))
	return err
}

// fateOf tells what became of a transaction, by what its commit has returned.
func fateOf(err error) fate {
	switch {
	case err == nil:
		return committed
	case isLost(err):
		return doubtful
	}
	return rolledBack
}

// insert writes by COPY or by one INSERT of several rows, to a stream of the writer's own, or through the library, to streams that all share.
func (w *stormWriter) insert(ctx context.Context, tx pgx.Tx, page *page) error {
	own := contrail.NewStreamID("writer", strconv.Itoa(w.number)).String()
	if w.number%4 != 1 && w.number%4 != 2 {
		return w.appendInSavepoints(ctx, tx, page)
	}
	var version int64
	if err := tx.QueryRow(ctx, `SELECT coalesce(max(version), 0) FROM contrail.events WHERE stream = $1`, own).Scan(&version); err != nil {
		return err
	}
	ids, rows := []uuid.UUID{}, [][]any{}
	for range 1 + w.random.IntN(4) {
		id := page.id()
		ids, rows = append(ids, id), append(rows, []any{id, own, version + int64(len(rows)) + 1, "Copied", "{}"})
	}
	if w.number%4 == 1 {
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"contrail", "events"}, []string{"id", "stream", "version", "type", "data"}, pgx.CopyFromRows(rows))
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO contrail.events (id, stream, version, type, data)
		SELECT id, $2, $3::bigint + n, 'Inserted', '{}' FROM unnest($1::uuid[]) WITH ORDINALITY AS given (id, n) ORDER BY n`, ids, own, version)
	return err
}

// appendInSavepoints appends within savepoints, some of which are rolled back before, between and after others.
func (w *stormWriter) appendInSavepoints(ctx context.Context, tx pgx.Tx, page *page) error {
	for range 1 + w.random.IntN(3) {
		before := len(page.ids)
		err := pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
			err := w.append(ctx, savepoint, contrail.NewStreamID("shared", strconv.Itoa(w.random.IntN(20))), page)
			if err == nil && w.random.IntN(3) == 0 {
				return errChangedMind
			}
			return err
		})
		if errors.Is(err, errChangedMind) {
			page.backTo(before)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// append appends two events, whatever the stream's version is.
func (s *storm) append(ctx context.Context, tx pgx.Tx, stream contrail.StreamID, page *page) error {
	events := []contrail.Event{happened("First"), happened("Second")}
	for i := range events {
		events[i].ID = page.id()
	}
	_, err := s.store.Append(ctx, tx, stream, eventstore.Any, events...)
	return err
}
