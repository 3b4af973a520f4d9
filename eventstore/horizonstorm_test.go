package eventstore_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
)

// asleep is how readers sleep in a storm: the safety read is out of reach, so that an event for which nobody wakes them is late.
func asleep() eventstore.Wake { return eventstore.Notify(10 * time.Minute) }

// Forty-eight writers of every kind, with delays, savepoints and rollbacks, while an unrelated transaction stays open: every reader must
// read each committed event once, positions ascending, each stream's versions ascending without a gap.
func TestFeedReadsEveryCommittedEventOnce(t *testing.T) {
	t.Parallel()
	storm := newStorm(t, weather{writers: 48, run: horizonRun(t), wake: asleep()})
	storm.rage(t)
	requireExact(t, storm)
}

// The same writers without the trigger: the very same check must fail, or it proves nothing.
func TestFeedLosesEventsWithoutTheTrigger(t *testing.T) {
	t.Parallel()
	storm := newStorm(t, weather{
		writers: 48, run: 2 * time.Second, wake: eventstore.Poll(2 * time.Millisecond), lossy: true,
		prelude: `DROP TRIGGER events_promise ON contrail.events`,
	})
	storm.rage(t)
	written := slices.DeleteFunc(storm.committed, func(event contrail.Recorded) bool { return event.Stream == endOfStorm })
	for _, reader := range storm.readers {
		require.NotEmpty(t, faults(written, reader.events()), "%d events and not one was lost", len(written))
	}
}

// All of that, prepared transactions as well, while positions pass the places where the low bits of a promise change their sign and wrap, and
// PostgreSQL is killed and comes back. Whatever was committed is there and is read once; what was in doubt is read if it is there; and nothing is
// read later than a second after the last appender that stood in its way has ended.
func TestFeedIsExactInAStorm(t *testing.T) {
	t.Parallel()
	for _, edge := range []int64{1 << 31, 1 << 32} {
		t.Run(strconv.FormatInt(edge, 10), func(t *testing.T) {
			t.Parallel()
			storm := newStorm(t, weather{
				writers: 24, run: horizonRun(t), wake: asleep(), prepares: true, crashes: true,
				prelude: `ALTER SEQUENCE contrail.events_position_seq RESTART WITH ` + strconv.FormatInt(edge-200, 10),
			})
			storm.rage(t)
			requireExact(t, storm)
			require.Positive(t, storm.crashed.Load())
			require.Less(t, int64(storm.committed[0].Position), edge)
			require.Greater(t, int64(storm.committed[len(storm.committed)-1].Position), edge)
		})
	}
}

// requireExact compares what the writers know, what the table holds and what the readers have read, and when.
func requireExact(tb testing.TB, s *storm) {
	tb.Helper()
	require.Greater(tb, len(s.committed), enough, "too few events to prove anything")
	require.Empty(tb, s.ledger.audit(s.committed))
	for _, reader := range s.readers {
		require.Empty(tb, faults(s.committed, reader.events()))
		require.Equal(tb, positionsOf(s.committed), positionsOf(reader.events()), "what is read is what is there")
		afterCommit, afterReady := s.ledger.delays(reader.readings)
		slices.Sort(afterCommit)
		tb.Logf("%d events, %d of them in doubt when they were committed, %d crashes; read at most %s after the commit (median %s), %s after the last appender "+
			"that stood in the way; the slowest took %s", len(s.committed), s.ledger.count(doubtful), s.crashed.Load(), slices.Max(afterCommit),
			afterCommit[len(afterCommit)/2], slices.Max(afterReady), s.ledger.slowest())
		require.Less(tb, slices.Max(afterReady), time.Second)
	}
}

func everything(tb testing.TB, pool *pgxpool.Pool) (events []contrail.Recorded) {
	tb.Helper()
	rows, err := pool.Query(tb.Context(), `SELECT position, id, stream, version FROM contrail.events ORDER BY position`)
	require.NoError(tb, err)
	events, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (event contrail.Recorded, err error) {
		var stream string
		if err = row.Scan(&event.Position, &event.ID, &stream, &event.Version); err == nil {
			event.Stream, err = contrail.ParseStreamID(stream)
		}
		return event, err
	})
	require.NoError(tb, err)
	return events
}

// faults compares what was read with what is there.
func faults(committed, read []contrail.Recorded) []string {
	var found []string
	seen := make(map[contrail.Position]bool)
	versions := make(map[contrail.StreamID]int64)
	last := contrail.Position(0)
	for _, event := range read {
		if event.Position <= last {
			found = append(found, fmt.Sprintf("position %d came after %d", event.Position, last))
		}
		if event.Version != versions[event.Stream]+1 {
			found = append(found, fmt.Sprintf("version %d of %s came after %d", event.Version, event.Stream, versions[event.Stream]))
		}
		last, versions[event.Stream], seen[event.Position] = event.Position, event.Version, true
	}
	for _, event := range committed {
		if !seen[event.Position] {
			found = append(found, fmt.Sprintf("position %d was never read", event.Position))
		}
	}
	return found
}
