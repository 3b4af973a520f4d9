package subscribers_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
)

const memberVariable = "SUBSCRIBERS_TEST_MEMBER"

// TestPartitionMember is no test but a member in a process of its own, for those below.
func TestPartitionMember(t *testing.T) {
	t.Parallel()
	if os.Getenv(memberVariable) == "" {
		return
	}
	ctx := context.Background()
	poolConfig, err := pgxpool.ParseConfig(os.Getenv(databaseVariable))
	exitOn(err)
	poolConfig.MaxConns = 2 * partitionCount // one for each worker, since some wait for what a frozen process has locked
	pool, err := pgxpool.NewWithConfig(ctx, poolConfig)
	exitOn(err)
	conn, err := nats.Connect(os.Getenv(brokerVariable), nats.MaxReconnects(-1))
	exitOn(err)
	js, err := jetstream.New(conn)
	exitOn(err)
	config := divided()
	config.Durable, config.Inbox = "test", subscribers.NewInbox(pool)
	config.Backoff = subscribers.Backoff{Min: 10 * time.Millisecond, Max: 40 * time.Millisecond}
	sub, err := subscribers.New(js, config)
	exitOn(err)
	sub.Lease(shortLease)
	subscribers.HandleTx(sub, journal{pool}.slowly)
	exitOn(sub.Run(ctx))
}

// slowly takes its time, so that whoever is stopped has something in hand.
func (j journal) slowly(ctx context.Context, tx pgx.Tx, e contrail.Delivered[drafted]) error {
	if _, err := tx.Exec(ctx, `SELECT pg_sleep(0.002)`); err != nil {
		return err
	}
	return j.fails(ctx, tx, e)
}

// startMember starts a member in a process of its own.
func (w *world) startMember(tb testing.TB, j journal) *os.Process {
	tb.Helper()
	child := exec.CommandContext(tb.Context(), os.Args[0], "-test.run=^TestPartitionMember$")
	child.Env = append(os.Environ(),
		memberVariable+"=yes", databaseVariable+"="+j.pool.Config().ConnString(), brokerVariable+"="+w.server.URL())
	child.Stderr = os.Stderr
	require.NoError(tb, child.Start())
	tb.Cleanup(func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	})
	return child.Process
}

// Members are killed, and frozen for longer than their lease, while events flow. The effects are in order all the same, each once.
func TestPartitionsOutlastTheirMembers(t *testing.T) {
	t.Parallel()
	const count, streams = 6000, 40
	w, j := newWorld(t), newJournal(t)
	w.publishMany(t, count, streams)
	one, two, three := w.startMember(t, j), w.startMember(t, j), w.startMember(t, j)
	w.shares(t, 2, 1, 1)
	eventually(t, func() bool { return j.count(t) > count/20 })

	began := time.Now()
	require.NoError(t, one.Kill())
	w.shares(t, 2, 2)
	t.Logf("a member was killed, its partitions were taken over after %v (lease %v)", time.Since(began).Round(time.Millisecond), shortLease)

	began = time.Now()
	require.NoError(t, two.Signal(syscall.SIGSTOP))
	w.shares(t, 4)
	t.Logf("a member was frozen, its partitions were taken over after %v", time.Since(began).Round(time.Millisecond))
	before := j.count(t)
	eventually(t, func() bool { return j.count(t) >= before+count/40 })
	require.NoError(t, two.Signal(syscall.SIGCONT))
	w.shares(t, 2, 2)

	w.startMember(t, j)
	require.NoError(t, three.Signal(syscall.SIGSTOP))
	w.shares(t, 2, 2)
	require.NoError(t, three.Signal(syscall.SIGCONT))
	for i := range count / 4 {
		w.publish(t, fmt.Sprintf("invoice-%d", i%streams), drafted{N: count + i})
	}
	w.shares(t, 2, 1, 1)
	j.check(t, count+count/4)
	require.Empty(t, w.deadLetters(t))
}
