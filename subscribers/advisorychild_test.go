package subscribers_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
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

// What the process that does not answer for an event does with it, by role.
const (
	roleExits   = "advisory-exits"   // it ends at once
	roleStuck   = "advisory-stuck"   // it says so and waits for a line
	roleCommits = "advisory-commits" // it commits, says so and waits for ever

	maxDeliverVariable = "SUBSCRIBERS_TEST_MAX_DELIVER"
	inHandVariable     = "SUBSCRIBERS_TEST_MAX_ACK_PENDING"
	poison             = 13 // the number of the event
	exitCode           = 7
)

// runAdvisoryChild plays one of these roles, if it is one.
func runAdvisoryChild(role string) {
	if role != roleExits && role != roleStuck && role != roleCommits {
		return
	}
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv(databaseVariable))
	exitOn(err)
	conn, err := nats.Connect(os.Getenv(brokerVariable))
	exitOn(err)
	js, err := jetstream.New(conn)
	exitOn(err)
	maxDeliver, err := strconv.Atoi(os.Getenv(maxDeliverVariable))
	exitOn(err)
	inHand, err := strconv.Atoi(os.Getenv(inHandVariable))
	exitOn(err)
	config := subscribers.Config{
		Durable: "test", Inbox: subscribers.NewInbox(pool), AckWait: shortWait, MaxDeliver: maxDeliver, MaxAckPending: inHand,
	}
	if role != roleExits {
		config.Concurrency, config.InboxBatch = 1, 1
	}
	sub, err := subscribers.New(js, config)
	exitOn(err)
	if role == roleCommits {
		sub.OnCommitted(func() {
			fmt.Println("committed")
			select {}
		})
	}
	subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[drafted]) error {
		switch {
		case e.Data.N == poison && role == roleExits:
			os.Exit(exitCode)
		case e.Data.N == poison && role == roleStuck:
			fmt.Println("stuck")
			_, err := bufio.NewReader(os.Stdin).ReadString('\n')
			exitOn(err)
		}
		return takeEffect(ctx, tx, e)
	})
	exitOn(sub.Run(ctx))
}

// child is a process in one of the roles.
type child struct {
	*exec.Cmd

	in   io.Writer
	said *bufio.Reader
}

func (w *world) startChild(tb testing.TB, pool *pgxpool.Pool, role string, maxDeliver, inHand int) *child {
	tb.Helper()
	c := &child{Cmd: exec.CommandContext(context.WithoutCancel(tb.Context()), os.Args[0])}
	c.Env = append(os.Environ(), roleVariable+"="+role, maxDeliverVariable+"="+strconv.Itoa(maxDeliver), inHandVariable+"="+strconv.Itoa(inHand),
		databaseVariable+"="+pool.Config().ConnString(), brokerVariable+"="+w.server.URL())
	c.Stderr = os.Stderr
	var err error
	c.in, err = c.StdinPipe()
	require.NoError(tb, err)
	out, err := c.StdoutPipe()
	require.NoError(tb, err)
	c.said = bufio.NewReader(out)
	require.NoError(tb, c.Start())
	tb.Cleanup(func() {
		if c.ProcessState == nil {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	})
	return c
}

// keepChild has a child that exits started again, until the test ends: on a machine that is busy the event that makes it exit may get another chance.
func (w *world) keepChild(tb testing.TB, pool *pgxpool.Pool, maxDeliver int) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			child := exec.CommandContext(ctx, os.Args[0])
			child.Env = append(os.Environ(), roleVariable+"="+roleExits, maxDeliverVariable+"="+strconv.Itoa(maxDeliver), inHandVariable+"=2048",
				databaseVariable+"="+pool.Config().ConnString(), brokerVariable+"="+w.server.URL())
			_ = child.Run()
		}
	}()
	tb.Cleanup(func() {
		cancel()
		<-ended
	})
}

// awaitLine waits until the child says something.
func (c *child) awaitLine(tb testing.TB, want string) {
	tb.Helper()
	line, err := c.said.ReadString('\n')
	require.NoError(tb, err)
	require.Equal(tb, want+"\n", line)
}

// awaitExit waits until the child has ended itself at the event.
func (c *child) awaitExit(tb testing.TB) {
	tb.Helper()
	give := time.AfterFunc(patience, func() { _ = c.Process.Kill() })
	defer give.Stop()
	require.Error(tb, c.Wait())
	require.Equal(tb, exitCode, c.ProcessState.ExitCode())
}

func (c *child) kill(tb testing.TB) {
	tb.Helper()
	require.NoError(tb, c.Process.Kill())
	require.ErrorContains(tb, c.Wait(), "killed")
}
