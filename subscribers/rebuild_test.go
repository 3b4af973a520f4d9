package subscribers_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/projections"
)

// What is built anew is what the stream had made, metadata and all, whatever the read model was spoiled to.
func TestRebuiltIsWhatTheStreamMade(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]subscribers.ProjectionConfig{
		"all":       {},
		"small":     {Batch: 7},
		"filter":    {Filter: []string{"events.invoice.*.InvoiceDrafted", "events.contact.1.>"}},
		"selection": {Categories: []string{"invoice"}, Types: []string{"InvoiceDrafted"}, Tenants: []string{"t"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newStoredWorld(t)
			run(t, w.model(t, config))
			w.relay(t, 100, 9)
			for _, stream := range []string{"invoice-1", "contact-1", "contact-2"} {
				w.send(t, w.stored(t, stream, issued{}))
			}
			w.relay(t, 10, 3)
			w.reaches(t, w.pool)
			lines, counters := w.content(t)
			w.spoil(t)
			done := w.awaitDone(t, w.ask(t))
			gotLines, gotCounters := w.content(t)
			require.Equal(t, lines, gotLines)
			require.Equal(t, counters, gotCounters)
			require.EqualValues(t, len(lines), done.Events)
			require.Equal(t, w.position, done.Position)
			w.nothingIsLeft(t)

			w.relay(t, 20, 9)
			w.reaches(t, w.pool)
			require.Len(t, w.positions(t), len(lines)+20)
			w.awaitDone(t, w.ask(t))
			require.Len(t, w.positions(t), len(lines)+20, "once more")
		})
	}
}

// Identity columns go on behind what either model has drawn, and whatever belongs to the tables stays.
func TestRebuildKeepsWhatBelongsToTheTables(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	w.exec(t, `CREATE VIEW model.sums AS SELECT sum(events) AS events FROM model.counters;
		CREATE TABLE model.written (n int); CREATE FUNCTION model.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO model.written VALUES (1); RETURN NULL; END $$;
		CREATE TRIGGER note AFTER INSERT ON model.lines FOR EACH STATEMENT EXECUTE FUNCTION model.note()`)
	logged := newLog()
	run(t, w.model(t, subscribers.ProjectionConfig{Logger: logged.logger()}))
	w.relay(t, 30, 3)
	w.reaches(t, w.pool)
	w.exec(t, `DELETE FROM model.written; TRUNCATE model.lines RESTART IDENTITY`)
	w.awaitDone(t, w.ask(t))
	var events, written int
	require.NoError(t, w.pool.QueryRow(t.Context(), `SELECT (SELECT events FROM model.sums), (SELECT count(*) FROM model.written)`).Scan(&events, &written))
	require.Equal(t, [2]int{30, 1}, [2]int{events, written}, "the view reads the new rows, and the trigger fires once")
	w.relay(t, 10, 3)
	w.reaches(t, w.pool)
	var numbers, olds int
	require.NoError(t, w.pool.QueryRow(t.Context(), `SELECT count(DISTINCT number), count(DISTINCT old_number) FROM model.lines`).Scan(&numbers, &olds))
	require.Equal(t, [2]int{40, 40}, [2]int{numbers, olds})
	logged.never(t, "can't get past")
}

// Readers see the old read model or the new one, and no half of either, while events come in.
func TestRebuildBesideReaders(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	const before, meanwhile = 400, 300
	projection := w.model(t, subscribers.ProjectionConfig{Batch: 16})
	var filled atomic.Int64
	proceed := make(chan struct{})
	projection.OnFilled(func(contrail.Position) {
		if filled.Add(1) == 3 {
			<-proceed // it is half done, and events come in
		}
	})
	run(t, projection)
	w.relay(t, before, 7)
	w.reaches(t, w.pool)
	ended := make(chan error, 2)
	reading, stop := context.WithCancel(t.Context())
	for _, level := range []pgx.TxIsoLevel{pgx.ReadCommitted, pgx.RepeatableRead} {
		go func() { ended <- w.watch(reading, level) }()
	}
	asked := w.ask(t)
	w.relay(t, meanwhile/2, 7)
	w.reaches(t, w.pool)
	close(proceed)
	w.relay(t, meanwhile/2, 7)
	w.awaitDone(t, asked)
	w.reaches(t, w.pool)
	again := w.ask(t)
	w.awaitDone(t, again)
	stop()
	require.NoError(t, <-ended)
	require.NoError(t, <-ended)
	require.Len(t, w.positions(t), before+meanwhile)
	require.Greater(t, filled.Load(), int64(3))
}

// A projection that is given rights, tables or a store that won't do says so, and leaves the read model as it was.
func TestRebuildThatCanNotBe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config  subscribers.ProjectionConfig
		prepare string
		handler subscribers.ProjectFunc
		want    string
	}{
		"no tables":     {config: subscribers.ProjectionConfig{Tables: []string{}}, want: "set ProjectionConfig.Tables", handler: projectQualified},
		"no such table": {config: subscribers.ProjectionConfig{Tables: []string{"model.counters", "model.lines", "model.missing"}}, want: `table "model"."missing" does not exist`},
		"a view":        {prepare: `CREATE VIEW model.v AS SELECT 1`, config: subscribers.ProjectionConfig{Tables: []string{"model.counters", "model.lines", "model.v"}}, want: `is no table`},
		"foreign key":   {prepare: `CREATE TABLE model.more (stream text REFERENCES model.counters)`, want: "is referred to by model.more, which is not in Tables"},
		"wrong order":   {config: subscribers.ProjectionConfig{Tables: []string{"model.lines", "model.counters"}}, want: "violates foreign key constraint"},
		"qualified":     {handler: projectQualified, want: "the handler has written to the live tables"},
		"permanent":     {handler: failSecondTime(), want: errBroken.Error()},
		"row does not fit": {prepare: `ALTER TABLE model.lines ADD CONSTRAINT few CHECK (position < 1000) NOT VALID;
			CREATE FUNCTION model.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE check_violation USING MESSAGE = 'refused'; END $$;
			CREATE TRIGGER refuse BEFORE DELETE ON model.counters FOR EACH STATEMENT EXECUTE FUNCTION model.refuse()`, want: "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newStoredWorld(t)
			if c.prepare != "" {
				w.exec(t, c.prepare)
			}
			if c.config.Tables == nil {
				c.config.Tables = modelTables
			}
			handler := c.handler
			if handler == nil {
				handler = projectModel
			}
			if strings.HasPrefix(name, "no such") {
				w.exec(t, `ALTER DATABASE `+pgx.Identifier{w.pool.Config().ConnConfig.Database}.Sanitize()+` SET search_path = model`)
			}
			run(t, w.projection(t, w.pool, c.config, handler))
			w.relay(t, 20, 3)
			w.reaches(t, w.pool)
			lines, counters := w.content(t)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, err := projections.Await(ctx, w.pool, w.ask(t), nil)
			var over *projections.EndedError
			require.ErrorAs(t, err, &over)
			require.Equal(t, projections.Failed, over.Rebuild.State)
			require.ErrorContains(t, err, c.want)
			w.nothingIsLeft(t)
			gotLines, gotCounters := w.content(t)
			require.Equal(t, lines, gotLines)
			require.Equal(t, counters, gotCounters)
			w.relay(t, 5, 3)
			w.reaches(t, w.pool)
			require.Len(t, w.positions(t), len(lines)+5, "it goes on")
		})
	}
}

// projectQualified names its tables with their schema.
func projectQualified(ctx context.Context, tx pgx.Tx, events []contrail.Delivered[json.RawMessage]) error {
	for _, e := range events {
		_, err := tx.Exec(ctx, strings.Replace(countSQL, "counters", "model.counters", 1), e.Stream.String())
		if err == nil {
			_, err = tx.Exec(ctx, strings.Replace(lineSQL, "lines", "model.lines", 1), e.Position, e.Stream.String(), e.Metadata, e.Data, e.Version, e.RecordedAt)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// failSecondTime fails for good on the first event, when that comes again.
func failSecondTime() subscribers.ProjectFunc {
	var times atomic.Int64
	return func(ctx context.Context, tx pgx.Tx, events []contrail.Delivered[json.RawMessage]) error {
		if events[0].Position == 1 && times.Add(1) > 1 {
			return contrail.Permanent(errBroken)
		}
		return projectModel(ctx, tx, events)
	}
}

// A rebuild that was cancelled, or begun anew, leaves nothing of the former one, also in the midst of it.
func TestRebuildCancelledAndBegunAnew(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	projection := w.model(t, subscribers.ProjectionConfig{Batch: 5})
	halfDone, proceed := make(chan struct{}), make(chan struct{})
	var holds atomic.Bool
	projection.OnFilled(func(through contrail.Position) {
		if through == 20 && holds.Load() {
			halfDone <- struct{}{}
			<-proceed
		}
	})
	run(t, projection)
	w.relay(t, 100, 7)
	w.reaches(t, w.pool)
	w.spoil(t)
	holds.Store(true)
	w.ask(t)
	receive(t, halfDone)
	_, err := projections.Rebuild(t.Context(), w.pool, "test", projections.Order{By: "bob"})
	var running *projections.RunningError
	require.ErrorAs(t, err, &running)
	require.ErrorContains(t, err, "as ada has asked for")
	require.Equal(t, contrail.Position(20), running.Rebuild.Position)
	_, err = projections.Cancel(t.Context(), w.pool, "test", "bob")
	require.NoError(t, err)
	proceed <- struct{}{}
	w.nothingIsLeft(t)
	now, err := projections.Get(t.Context(), w.pool, "test")
	require.NoError(t, err)
	require.Equal(t, projections.Cancelled, now.Rebuild.State)
	require.Equal(t, "cancelled by bob", now.Rebuild.Error)

	w.ask(t)
	receive(t, halfDone)
	holds.Store(false)
	anew, err := projections.Restart(t.Context(), w.pool, "test", projections.Order{By: "bob"})
	require.NoError(t, err)
	proceed <- struct{}{}
	done := w.awaitDone(t, anew)
	require.EqualValues(t, 100, done.Events, "from the first one on")
	require.Len(t, w.positions(t), 100)
	w.nothingIsLeft(t)
}

// What fails for once is tried again, from where it was; the reason is there to see.
func TestRebuildIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	var broken atomic.Bool
	run(t, w.projection(t, w.pool, subscribers.ProjectionConfig{Batch: 10, Tables: modelTables},
		func(ctx context.Context, tx pgx.Tx, events []contrail.Delivered[json.RawMessage]) error {
			if broken.Load() && events[0].Position > 50 && events[0].Delivery.Sequence == 0 {
				return errBroken
			}
			return projectModel(ctx, tx, events)
		}))
	w.relay(t, 100, 7)
	w.reaches(t, w.pool)
	broken.Store(true)
	asked := w.ask(t)
	eventually(t, func() bool {
		now, err := projections.Get(t.Context(), w.pool, "test")
		return err == nil && strings.Contains(now.Rebuild.Error, errBroken.Error()) && now.Rebuild.Position == 50
	})
	w.relay(t, 10, 7)
	w.reaches(t, w.pool)
	require.Len(t, w.positions(t), 110, "the live one goes on")
	broken.Store(false)
	done := w.awaitDone(t, asked)
	require.Empty(t, done.Error)
	require.EqualValues(t, 110, done.Events)
	require.Len(t, w.positions(t), 110)
}

// The tables change while they are built anew: the rebuild begins again.
func TestRebuildOverAChangeOfTheTables(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	logged := newLog()
	projection := w.model(t, subscribers.ProjectionConfig{Batch: 5, Logger: logged.logger()})
	var once atomic.Bool
	projection.OnFilled(func(through contrail.Position) {
		if through == 20 && once.CompareAndSwap(false, true) {
			w.exec(t, `ALTER TABLE model.lines ADD COLUMN more int DEFAULT 7`)
		}
	})
	run(t, projection)
	w.relay(t, 50, 7)
	w.reaches(t, w.pool)
	done := w.awaitDone(t, w.ask(t))
	logged.await(t, "beginning anew")
	require.EqualValues(t, 50, done.Events)
	var more int
	require.NoError(t, w.pool.QueryRow(t.Context(), `SELECT sum(more) FROM model.lines`).Scan(&more))
	require.Equal(t, 350, more)
}

// A filter means to events of the store what it means to the broker.
func TestMatches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	subjects := []string{"events.invoice.1.Drafted", "events.invoice.12.Drafted", "events.contact.1.Drafted", "events.invoice"}
	for _, subject := range subjects {
		_, err := w.js.Publish(t.Context(), subject, nil)
		require.NoError(t, err)
	}
	stream, err := w.js.Stream(t.Context(), wire.DefaultStream)
	require.NoError(t, err)
	for _, filter := range []string{
		"events.>", ">", "events.*.1.*", "events.invoice.>", "events.invoice", "events.*", "*.*.*.*", "events.invoice.1.Drafted", "events.invoice.1",
		"events.invoice.*.Paid", "events.*.*", "events.invoice.1.Drafted.>", "*.invoice.>",
	} {
		info, err := stream.Info(t.Context(), jetstreamFilter(filter))
		require.NoError(t, err)
		for _, subject := range subjects {
			_, want := info.State.Subjects[subject]
			require.Equal(t, want, subscribers.Matches(filter, subject), "%s %s", filter, subject)
		}
	}
}
