package webhook_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/webhook"
)

const (
	databaseVariable = "WEBHOOK_TEST_DATABASE"
	brokerVariable   = "WEBHOOK_TEST_BROKER"
)

// runChild is a process that posts until it is killed. It says so when it begins.
func runChild() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv(databaseVariable))
	exitOn(err)
	conn, err := nats.Connect(os.Getenv(brokerVariable))
	exitOn(err)
	js, err := jetstream.New(conn)
	exitOn(err)
	hooks, err := webhook.New(js, pool, shared())
	exitOn(err)
	fmt.Println("here")
	exitOn(hooks.Run(ctx))
	os.Exit(0)
}

// shared is how processes run that share endpoints.
func shared() webhook.Config {
	config := quick()
	config.Lease = 2 * time.Second
	config.Subscription.AckWait = 2 * time.Second
	config.Subscription.Partitions = 2 // or events would be planned out of their order
	return config
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
}

// child starts one, which is killed when the test ends.
func (w *world) child() *exec.Cmd {
	w.Helper()
	child := exec.CommandContext(context.WithoutCancel(w.Context()), os.Args[0])
	child.Env = append(os.Environ(), databaseVariable+"="+w.pool.Config().ConnString(), brokerVariable+"="+w.url)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	require.NoError(w, err)
	require.NoError(w, child.Start())
	w.Cleanup(func() {
		_ = child.Process.Kill() // it may be dead
		_ = child.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(w, err)
	require.Equal(w, "here\n", line)
	return child
}

// holders are the processes that hold endpoints, with how many.
func (w *world) holders() map[string]int {
	w.Helper()
	found := map[string]int{}
	for endpoint, err := range webhook.List(w.Context(), w.pool, webhook.Filter{}) {
		require.NoError(w, err)
		if endpoint.HeldBy != "" {
			found[endpoint.HeldBy]++
		}
	}
	return found
}

// fleet are endpoints that two processes share, one of them a child.
func fleet(t *testing.T) (w *world, receivers []*receiver, child *exec.Cmd) {
	t.Helper()
	w = newWorld(t)
	for i := range 6 {
		to := newReceiver(t).answering(flaky(10))
		w.add(to, webhook.Endpoint{Concurrency: 1 + i%3, Timeout: time.Second, MaxAttempts: 100})
		receivers = append(receivers, to)
	}
	child = w.child()
	w.run(shared())
	eventually(t, func() bool {
		held := w.holders()
		for _, n := range held {
			if n != 3 {
				return false
			}
		}
		return len(held) == 2
	})
	return w, receivers, child
}

// requireAll checks that each of the receivers got every event, and that all ended well.
func requireAll(t *testing.T, w *world, receivers []*receiver, events int) {
	t.Helper()
	for _, to := range receivers {
		require.Eventually(t, func() bool { return len(to.events()) == events }, 3*patience, 50*time.Millisecond)
	}
	require.Eventually(t, func() bool {
		return w.count(`SELECT count(*) FROM contrail.deliveries WHERE state <> 'succeeded'`) == 0
	}, 3*patience, 50*time.Millisecond)
	require.Equal(t, events*len(receivers), w.count(`SELECT count(*) FROM contrail.deliveries`))
	w.requireSound()
}

func TestProcessesDivideTheEndpointsAndTakeThemOver(t *testing.T) {
	t.Parallel()
	w, receivers, child := fleet(t)
	w.publishMany(100, 5)
	eventually(t, func() bool { return len(receivers[0].events()) > 10 && len(receivers[5].events()) > 10 })
	require.NoError(t, child.Process.Kill())
	w.publishMany(50, 5)
	requireAll(t, w, receivers, 150)
	require.Len(t, w.holders(), 1)
}

func TestAFrozenProcessThatGoesOnDoesNoHarm(t *testing.T) {
	t.Parallel()
	w, receivers, child := fleet(t)
	w.publishMany(100, 5)
	eventually(t, func() bool { return len(receivers[0].events()) > 10 && len(receivers[5].events()) > 10 })
	require.NoError(t, child.Process.Signal(syscall.SIGSTOP))
	w.publishMany(50, 5)
	eventually(t, func() bool {
		for _, n := range w.holders() {
			if n == 6 {
				return true
			}
		}
		return false
	})
	require.NoError(t, child.Process.Signal(syscall.SIGCONT))
	w.publishMany(50, 5)
	requireAll(t, w, receivers, 200)
	for _, to := range receivers {
		requireFirstInOrder(t, to)
	}
}

// requireFirstInOrder checks that the events of each stream came in order, as far as a receiver sees that leaves out what it has seen already.
func requireFirstInOrder(t *testing.T, to *receiver) {
	t.Helper()
	last, known := map[string]int64{}, map[uuid.UUID]bool{}
	for _, one := range to.got(0) {
		stream := one.event.Stream.String()
		if !known[one.event.ID] {
			require.Equal(t, last[stream]+1, one.event.Version, stream)
			last[stream] = one.event.Version
		}
		known[one.event.ID] = true
	}
}
