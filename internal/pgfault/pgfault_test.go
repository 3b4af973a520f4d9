package pgfault_test

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/pgfault"
)

const patience = 30 * time.Second

// requireReset requires an error of the network, and not the server's. Where the connection breaks in a simple query, and so in BEGIN and COMMIT, pgx
// says no more than that it is closed, and believes that nothing was sent.
func requireReset(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	if err.Error() != "conn closed" {
		require.ErrorIs(t, err, syscall.ECONNRESET)
		require.False(t, pgconn.SafeToRetry(err), "the client can't know that nothing was sent")
	}
}

func TestBeforeTheServerHasGotNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, network := w.open(t, pgfault.Fault{Trip: 1, Mode: pgfault.Before})
	_, err := pool.Exec(t.Context(), insertSQL)
	requireReset(t, err)
	require.Empty(t, w.effects(t))
	_, err = pool.Exec(t.Context(), insertSQL)
	require.NoError(t, err, "the next connection is well")
	require.Equal(t, []string{"one"}, w.effects(t))
	require.Equal(t, 1, network.Struck())
	require.Equal(t, []string{insertSQL, insertSQL}, network.Statements())
}

func TestAfterTheServerHasDoneIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, network := w.open(t, pgfault.Fault{Trip: 1, Mode: pgfault.After})
	_, err := pool.Exec(t.Context(), insertSQL)
	requireReset(t, err)
	require.Equal(t, []string{"one"}, w.effects(t))
	require.Equal(t, 1, network.Struck())
}

// insertTwice is a transaction of four or more round trips.
func insertTwice(ctx context.Context, pool *pgxpool.Pool) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		for _, name := range []string{"one", "two"} {
			if _, err := tx.Exec(ctx, `INSERT INTO effects (name) VALUES ($1)`, name); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestEveryTripOfATransaction(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, network := w.open(t)
	require.NoError(t, insertTwice(t.Context(), pool))
	statements := network.Statements()
	require.Equal(t, []string{
		"begin", "prepare INSERT INTO effects (name) VALUES ($1)", "INSERT INTO effects (name) VALUES ($1)", "INSERT INTO effects (name) VALUES ($1)", "commit",
	}, statements)
	for trip := range statements {
		for _, mode := range pgfault.Modes() {
			fault := pgfault.Fault{Trip: trip + 1, Mode: mode}
			t.Run(fault.String(), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				pool, network := w.open(t, fault)
				requireReset(t, insertTwice(t.Context(), pool))
				require.Equal(t, 1, network.Struck())
				require.Equal(t, statements[:fault.Trip], network.Statements(), "a broken connection makes no more trips")
				if fault.Trip == len(statements) && mode == pgfault.After {
					require.Equal(t, []string{"one", "two"}, w.effects(t), "committed, although the client does not know it")
				} else {
					require.Empty(t, w.effects(t))
				}
			})
		}
	}
}

func TestBatchIsOneTrip(t *testing.T) {
	t.Parallel()
	insert := func(ctx context.Context, pool *pgxpool.Pool) error {
		var batch pgx.Batch
		for i := range 3 {
			batch.Queue(`INSERT INTO effects (name) VALUES ($1)`, strconv.Itoa(i))
		}
		return pool.SendBatch(ctx, &batch).Close()
	}
	w := newWorld(t)
	pool, network := w.open(t)
	require.NoError(t, insert(t.Context(), pool))
	require.Equal(t, 2, network.Trips(), "one prepares, one executes")
	require.Equal(t, []string{"0", "1", "2"}, w.effects(t))

	for i, mode := range pgfault.Modes() {
		pool, _ = w.open(t, pgfault.Fault{Trip: 2, Mode: mode})
		requireReset(t, insert(t.Context(), pool))
		require.Len(t, w.effects(t), 3+3*i, mode)
	}
}

// Several trips may be sent at once. What is ahead of the fault is done, and answered.
func TestTripsInOnePipeline(t *testing.T) {
	t.Parallel()
	for mode, want := range map[pgfault.Mode][]string{pgfault.Before: {"0"}, pgfault.After: {"0", "1"}} {
		w := newWorld(t)
		pool, network := w.open(t, pgfault.Fault{Trip: 2, Mode: mode})
		conn, err := pool.Acquire(t.Context())
		require.NoError(t, err)
		pipeline := conn.Conn().PgConn().StartPipeline(t.Context())
		for i := range 3 {
			pipeline.SendQueryParams(`INSERT INTO effects (name) VALUES ($1)`, [][]byte{[]byte(strconv.Itoa(i))}, nil, nil, nil)
			require.NoError(t, pipeline.Sync())
		}
		results, err := pipeline.GetResults()
		require.NoError(t, err)
		reader, isReader := results.(*pgconn.ResultReader)
		require.True(t, isReader)
		_, err = reader.Close()
		require.NoError(t, err)
		results, err = pipeline.GetResults()
		require.NoError(t, err)
		require.IsType(t, &pgconn.PipelineSync{}, results)
		_, err = pipeline.GetResults()
		requireReset(t, err)
		require.Error(t, pipeline.Close())
		conn.Release()
		require.Equal(t, want, w.effects(t))
		require.Equal(t, 2, network.Trips())
	}
}

func TestCopy(t *testing.T) {
	t.Parallel()
	insert := func(ctx context.Context, pool *pgxpool.Pool) error {
		rows := pgx.CopyFromRows([][]any{{"one"}, {"two"}})
		_, err := pool.CopyFrom(ctx, pgx.Identifier{"effects"}, []string{"name"}, rows)
		return err
	}
	w := newWorld(t)
	pool, network := w.open(t)
	require.NoError(t, insert(t.Context(), pool))
	trips := network.Trips()
	require.Equal(t, 2, trips, "one asks for the columns' types, one copies: %v", network.Statements())
	for _, mode := range pgfault.Modes() {
		pool, network := w.open(t, pgfault.Fault{Trip: trips, Mode: mode})
		require.Error(t, insert(t.Context(), pool))
		require.Equal(t, 1, network.Struck())
		require.Equal(t, []string{"one", "two"}, w.effects(t), "the server waits for data that never comes, and gives up")
	}
}

func TestTripsAreStable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	program := func() []string {
		pool, network := w.open(t)
		for range 3 {
			require.NoError(t, insertTwice(t.Context(), pool))
			w.effects(t) // through another network
			var rows int
			require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM effects WHERE name <> $1`, "none").Scan(&rows))
		}
		return network.Statements()
	}
	first := program()
	require.NotEmpty(t, first)
	for range 3 {
		require.Equal(t, first, program())
	}
}

func TestTwoFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, network := w.open(t, pgfault.Fault{Trip: 2, Mode: pgfault.After}, pgfault.Fault{Trip: 4, Mode: pgfault.Before})
	for i := range 6 {
		_, err := pool.Exec(t.Context(), insertSQL)
		require.Equal(t, i == 1 || i == 3, err != nil, "trip %d: %v", i+1, err)
	}
	require.Len(t, w.effects(t), 5)
	require.Equal(t, 2, network.Struck())
	require.Equal(t, 6, network.Trips())
}

func TestAFaultThatNeverStrikes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, network := w.open(t, pgfault.Fault{Trip: 3})
	for range 2 {
		_, err := pool.Exec(t.Context(), insertSQL)
		require.NoError(t, err)
	}
	require.Zero(t, network.Struck())
}

func TestOtherConnectionsGoOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, network := w.open(t, pgfault.Fault{Trip: 3, Mode: pgfault.After})
	listener, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	defer listener.Release()
	_, err = listener.Exec(t.Context(), `LISTEN effects`)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), insertSQL)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), insertSQL)
	requireReset(t, err)
	_, err = pool.Exec(t.Context(), `SELECT pg_notify('effects', 'well')`)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	notification, err := listener.Conn().WaitForNotification(ctx)
	require.NoError(t, err)
	require.Equal(t, "well", notification.Payload)
	require.Equal(t, 4, network.Trips(), "over all connections")
}

func TestTripsOfManyConnections(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, network := w.open(t, pgfault.Fault{Trip: 100, Mode: pgfault.After}, pgfault.Fault{Trip: 200, Mode: pgfault.Before})
	var lost, done sync.Map
	var workers sync.WaitGroup
	for worker := range 8 {
		workers.Go(func() {
			for i := range 50 {
				if _, err := pool.Exec(t.Context(), insertSQL); err != nil {
					lost.Store([2]int{worker, i}, err)
				} else {
					done.Store([2]int{worker, i}, true)
				}
			}
		})
	}
	workers.Wait()
	require.Equal(t, 400, network.Trips())
	require.Len(t, w.effects(t), 399)
	count := func(m *sync.Map) (n int) {
		m.Range(func(_, _ any) bool { n++; return true })
		return n
	}
	require.Equal(t, 2, count(&lost))
	require.Equal(t, 398, count(&done))
}

func TestLargeMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, _ := w.open(t)
	long := strings.Repeat("é", 4<<20)
	var echoed string
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT $1::text`, long).Scan(&echoed))
	require.Len(t, echoed, len(long))
}

func TestCancelledStatement(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, network := w.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cancelled := make(chan error, 1)
	go func() { _, err := pool.Exec(ctx, `SELECT pg_sleep(60)`); cancelled <- err }()
	require.Eventually(t, func() bool { return network.Trips() == 1 }, patience, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-cancelled, context.Canceled)
	_, err := pool.Exec(t.Context(), insertSQL)
	require.NoError(t, err)
	require.Equal(t, 2, network.Trips())
}

// A statement that fails is answered like one that does not, and what follows it up to the Sync is passed over.
func TestStatementThatFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool, network := w.open(t, pgfault.Fault{Trip: 2, Mode: pgfault.After})
	_, err := pool.Exec(t.Context(), `SELECT 1/$1::int`, 0)
	requireReset(t, err)
	_, err = pool.Exec(t.Context(), `SELECT 1/$1::int`, 0)
	var failure *pgconn.PgError
	require.ErrorAs(t, err, &failure)
	require.Equal(t, "22012", failure.Code)
	require.Equal(t, 4, network.Trips())
}

// Kill is called when the side of the trip is reached, and ahead of what the client sees of it.
func TestKill(t *testing.T) {
	t.Parallel()
	for mode, want := range map[pgfault.Mode]int{pgfault.Before: 0, pgfault.After: 1} {
		w := newWorld(t)
		killed := make(chan int, 1)
		pool, _ := w.open(t, pgfault.Fault{Trip: 1, Mode: mode, Kill: func() { killed <- len(w.effects(t)) }})
		_, err := pool.Exec(t.Context(), insertSQL)
		requireReset(t, err)
		require.Len(t, killed, 1, "called ahead of the connection's end")
		require.Equal(t, want, <-killed)
	}
}

func TestKilledProcess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0])
	child.Env = append(os.Environ(), databaseVariable+"="+w.url)
	child.Stderr = os.Stderr
	var exit *exec.ExitError
	require.ErrorAs(t, child.Run(), &exit)
	require.Equal(t, exitKilled, exit.ExitCode())
	require.Equal(t, []string{"one"}, w.effects(t))
}
