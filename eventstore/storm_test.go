package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// Gusts and lulls by turns: in a lull nearly nobody writes, so that the readers fall asleep and have to be woken.
const (
	gust    = 500 * time.Millisecond
	lull    = 200 * time.Millisecond
	respite = 10 * time.Second // between one crash and the next, in a long run
	stretch = 30 * time.Second // that a slow machine is given on top
	enough  = 500              // events, for anything to be proved
)

// endOfStorm is the stream of the event that is appended when all else is over: the readers stop there.
var endOfStorm = contrail.NewStreamID("end", "1")

// weather says what a storm is made of.
type weather struct {
	writers  int
	run      time.Duration
	wake     eventstore.Wake // of the readers
	prelude  string          // SQL that changes the database before it begins
	prepares bool            // some writers prepare their transactions, and others finish them
	crashes  bool            // PostgreSQL is killed in mid-run and started again
	lossy    bool            // events are lost by design, the end among them: it is appended until every reader has seen one
}

// storm is writers of every kind, and readers, on a server of its own.
type storm struct {
	weather
	server *localstack.Postgres
	pool   *pgxpool.Pool
	store  *eventstore.Store
	ledger *ledger
	began  time.Time

	readers   []*stormReader
	writing   sync.WaitGroup // writers, those who finish what was prepared, and the crashes
	crashed   atomic.Int64
	committed []contrail.Recorded // what the table holds in the end

	mu     sync.Mutex
	faults []error
}

// horizonRun is how long a storm lasts; CONTRAIL_HORIZON_RUN=5m makes it a soak.
func horizonRun(tb testing.TB) time.Duration {
	tb.Helper()
	text := os.Getenv("CONTRAIL_HORIZON_RUN")
	if text == "" {
		return 2500 * time.Millisecond
	}
	duration, err := time.ParseDuration(text)
	require.NoError(tb, err)
	return duration
}

func newStorm(tb testing.TB, w weather) *storm {
	tb.Helper()
	server := pgtest.Server(tb, localstack.PostgresConfig{Settings: map[string]string{
		"max_connections": "150", "max_prepared_transactions": "100",
		"deadlock_timeout": "50ms", // writers that append to several streams in any order do get stuck
	}})
	config, err := pgxpool.ParseConfig(server.URL())
	require.NoError(tb, err)
	config.MaxConns = int32(w.writers) + 12 // a writer that waits for a prepared transaction must not keep others from finishing it
	pool, err := pgxpool.NewWithConfig(tb.Context(), config)
	require.NoError(tb, err)
	tb.Cleanup(pool.Close)
	_, err = eventstore.Migrate(tb.Context(), pool)
	require.NoError(tb, err)
	_, err = pool.Exec(tb.Context(), w.prelude)
	require.NoError(tb, err)
	return &storm{weather: w, server: server, pool: pool, store: newStore(tb), ledger: newLedger()}
}

// rage lets everybody write and two readers read, and returns when these have read the last event.
func (s *storm) rage(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), s.run+time.Minute)
	defer cancel()
	idle, err := s.pool.Begin(ctx) // an unrelated transaction, with an id of its own, open all the while
	require.NoError(tb, err)
	defer func() { _ = idle.Rollback(context.WithoutCancel(ctx)) }()
	_, err = idle.Exec(ctx, `SELECT pg_current_xact_id()`)
	require.NoError(tb, err)

	s.began = time.Now()
	var reading sync.WaitGroup
	for range 2 {
		reader := &stormReader{storm: s}
		s.readers = append(s.readers, reader)
		reading.Go(func() { reader.run(ctx) })
	}
	until, stop := context.WithCancel(ctx)
	defer stop()
	go func() { defer stop(); s.last(until) }()
	for number := range s.writers {
		s.writing.Go(func() { newStormWriter(s, number).run(until) })
	}
	if s.crashes {
		s.writing.Go(func() { s.crashNowAndThen(until) })
	}
	s.writing.Wait()
	require.NoError(tb, s.end(ctx, &reading))
	require.NoError(tb, errors.Join(s.faults...))
	s.committed = everything(tb, s.pool)
}

// last returns when the storm has lasted long enough, which on a slow machine is until enough has happened in it.
func (s *storm) last(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.run+stretch)
	defer cancel()
	for pause(ctx, s.run); ctx.Err() == nil && s.ledger.count(committed) <= enough; {
		pause(ctx, 50*time.Millisecond)
	}
}

// end appends the last event and waits until it is read.
func (s *storm) end(ctx context.Context, reading *sync.WaitGroup) error {
	read := make(chan struct{})
	go func() { reading.Wait(); close(read) }()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	if !s.lossy {
		again.Stop()
	}
	for {
		if _, err := appendNow(ctx, s.pool, endOfStorm, eventstore.Any, happened("Ended")); err != nil {
			return err
		}
		select {
		case <-again.C:
		case <-read:
			return nil
		}
	}
}

// crashNowAndThen crashes PostgreSQL in the middle of gusts.
func (s *storm) crashNowAndThen(ctx context.Context) {
	for at := min(s.run/2, respite); at < s.run; at += respite {
		middle := at - at%(gust+lull) + gust/2
		pause(ctx, middle-time.Since(s.began))
		if err := s.crash(context.WithoutCancel(ctx)); err != nil {
			s.fault(fmt.Errorf("crash: %w", err))
			return
		}
	}
}

// crash kills PostgreSQL without giving it time for anything, while two prepared transactions wait, and starts it again.
func (s *storm) crash(ctx context.Context) error {
	var left [2]*prepared
	for i := range left {
		var err error
		if left[i], err = s.prepare(ctx, contrail.NewStreamID("crash", uuid.NewString())); err != nil {
			return err
		}
	}
	s.crashed.Add(1)
	down := time.Now()
	if err := s.server.Kill(); err != nil {
		return err
	}
	if err := s.server.Restart(ctx); err != nil {
		return err
	}
	s.pool.Reset()
	s.ledger.outage(down)
	s.writing.Go(func() { s.finish(ctx, left[0], "COMMIT") })
	s.writing.Go(func() { s.finish(ctx, left[1], "ROLLBACK") })
	return nil
}

// survives tells whether a writer or reader may go on after an error: in a crash any connection may be lost, and writers that append to several
// streams may deadlock. It waits a little then. Any other error is a fault.
func (s *storm) survives(ctx context.Context, who string, err error) bool {
	if code := sqlState(err); code == "40P01" || s.crashed.Load() > 0 && isLost(err) {
		pause(ctx, 5*time.Millisecond)
		return true
	}
	s.fault(fmt.Errorf("%s: %w", who, err))
	return false
}

func (s *storm) fault(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, err)
}

// isLost tells that the server is gone, or going, or just coming, from what it says about a transaction.
func isLost(err error) bool {
	code := sqlState(err)
	return code == "" || strings.HasPrefix(code, "57P") || strings.HasPrefix(code, "08")
}

func sqlState(err error) string {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pgErr.Code
	}
	return ""
}

func pause(ctx context.Context, duration time.Duration) {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
