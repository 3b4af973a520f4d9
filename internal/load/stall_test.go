package load_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/load"
)

// stall begins something when some events were appended, and ends it when a second and a half have passed since.
type stall struct {
	begin, end func()
	from       time.Duration
	over       bool
}

const stallTime = 1500 * time.Millisecond

func (s *stall) heed(p load.Progress) {
	switch {
	case s.from == 0 && p.Appended >= 20:
		s.from = p.Elapsed
		s.begin()
	case !s.over && s.from > 0 && p.Elapsed-s.from > stallTime:
		s.over = true
		s.end()
	}
}

// One writer is kept waiting by the database. A closed loop would have one event wait; here all wait that were due meanwhile.
func TestStalledDatabaseCountsForAllThatWereDue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var tx pgx.Tx
	s := &stall{
		begin: func() {
			var err error
			tx, err = w.pool.Begin(t.Context())
			require.NoError(t, err)
			_, err = tx.Exec(t.Context(), `LOCK TABLE contrail.events IN SHARE ROW EXCLUSIVE MODE`) // reading goes on
			require.NoError(t, err)
		},
		end: func() { require.NoError(t, tx.Rollback(t.Context())) },
	}
	cfg := w.config()
	cfg.Rate, cfg.Count, cfg.Concurrency, cfg.Progress = 100, 200, 1, s.heed
	r := w.run(t, cfg)
	require.True(t, s.over)
	require.EqualValues(t, 200, r.Handled)
	require.Greater(t, r.Latency.Append.P50, 0.3)
	require.Greater(t, r.Latency.Append.Max, 1.2)
	require.Greater(t, r.Latency.EndToEnd.P50, 0.3)
}

// The subscriber is kept waiting, and there is room for few events on their way: what waits for room waits since it was due.
func TestStalledSubscriberCountsForAllThatWereDue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := &stall{
		begin: func() {
			_, err := w.js.PauseConsumer(t.Context(), "EVENTS", "load", time.Now().Add(time.Hour))
			require.NoError(t, err)
		},
		end: func() {
			_, err := w.js.ResumeConsumer(t.Context(), "EVENTS", "load")
			require.NoError(t, err)
		},
	}
	cfg := w.config()
	cfg.Rate, cfg.Count, cfg.Progress, cfg.Outstanding = 100, 200, s.heed, 10
	r := w.run(t, cfg)
	require.True(t, s.over)
	require.EqualValues(t, 200, r.Handled)
	require.Positive(t, r.HeldBack)
	require.Greater(t, r.Latency.Append.P50, 0.3, "they waited for room")
	require.Greater(t, r.Latency.EndToEnd.P50, 0.3)
	require.Greater(t, r.Latency.Handle.Max, 1.2, "those that had room waited to be handled")
	require.Less(t, r.Latency.Publish.P50, 1.2, "and were in the stream long before")
}

// The database is too slow for the rate, which is told.
func TestMissedRate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.pool.Exec(t.Context(), `CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.05); RETURN NULL; END';
		CREATE TRIGGER slow AFTER INSERT ON contrail.events FOR EACH STATEMENT EXECUTE FUNCTION public.slow()`)
	require.NoError(t, err)
	cfg := w.config()
	cfg.Rate, cfg.Count, cfg.Duration, cfg.Concurrency = 100, 0, 2*time.Second, 1
	r := w.run(t, cfg)
	require.True(t, r.RateMissed)
	require.False(t, r.OK)
	require.Zero(t, r.Lost+r.Doubled+r.OutOfOrder+r.Abandoned)
	require.EqualValues(t, 200, r.Due)
	require.Less(t, r.Appended, int64(60))

	cfg.Count, cfg.Duration = 60, 0 // 3 s instead of 0.6
	r = w.run(t, cfg)
	require.EqualValues(t, 60, r.Handled)
	require.True(t, r.RateMissed)
}
