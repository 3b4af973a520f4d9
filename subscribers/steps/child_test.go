package steps_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers/steps"
)

const (
	pointVariable    = "STEPS_TEST_POINT"
	databaseVariable = "STEPS_TEST_DATABASE"
	childKey         = "child"
)

var childOptions = steps.Options{Lease: time.Second}

// points are the phases of phased, in their order.
func points() []string {
	return []string{
		"a begins", "a is done", "before the call", "after the call", "recording", "recorded", "listing", "element 1 begins", "element 1 is done",
		"c is repeated", "c is done", "fails", "undo c", "undone c", "before the refund", "after the refund", "undo a", "undone a", "ended",
	}
}

// phased are steps of each kind, of which the last one fails, and all are undone. at is called in each phase.
func phased(pool *pgxpool.Pool, at func(point string)) []steps.Step {
	write := func(begins, done string) func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
		return func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
			at(begins)
			err := effectNamed(ctx, tx, run, done)
			at(done)
			return err
		}
	}
	outside := func(before, after string) func(ctx context.Context, run *steps.State) error {
		return func(ctx context.Context, run *steps.State) error {
			at(before)
			_, err := pool.Exec(ctx, `INSERT INTO outside VALUES ($1, 1) ON CONFLICT (key) DO UPDATE SET calls = outside.calls + 1`, run.Key())
			at(after)
			return err
		}
	}
	charge, refund := outside("before the call", "after the call"), outside("before the refund", "after the refund")
	return []steps.Step{
		steps.Tx("a", write("a begins", "a is done")).Undo(write("undo a", "undone a")),
		steps.Call("b", func(ctx context.Context, run *steps.State) (int, error) { return 7, charge(ctx, run) },
			func(ctx context.Context, tx pgx.Tx, run *steps.State, number int) error {
				if err := run.Set("charge", number); err != nil {
					return err
				}
				return write("recording", "recorded")(ctx, tx, run)
			}).UndoCall(refund),
		steps.ForEach("list", func(context.Context, pgx.Tx, *steps.State) ([]int, error) {
			at("listing")
			return []int{0, 1, 2}, nil
		}, func(ctx context.Context, tx pgx.Tx, run *steps.State, n int) error {
			return write(fmt.Sprintf("element %d begins", n), fmt.Sprintf("element %d is done", n))(ctx, tx, run)
		}),
		steps.Tx("c", func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
			if run.Round() == 0 {
				return errors.Join(write("", "c is repeated")(ctx, tx, run), steps.Repeat())
			}
			return write("", "c is done")(ctx, tx, run)
		}).Undo(write("undo c", "undone c")),
		steps.Tx("d", func(context.Context, pgx.Tx, *steps.State) error {
			at("fails")
			return contrail.Permanent(errors.New("out of stock"))
		}),
	}
}

// whatIsDone is the effect of phased in the database, however often it was interrupted.
func whatIsDone() []string {
	return []string{
		"a is done", "recorded", "element 0 is done", "element 1 is done", "element 2 is done", "c is repeated", "c is done", "undone c", "undone a",
	}
}

func newPhased(tb testing.TB) *pgxpool.Pool {
	tb.Helper()
	pool := newEffects(tb)
	_, err := pool.Exec(tb.Context(), `CREATE TABLE outside (key text PRIMARY KEY, calls int NOT NULL)`)
	require.NoError(tb, err)
	return pool
}

// runChild performs phased, says "here" at that point, and stops there until it is told to go on. Then it says how the run has ended for it.
func runChild(point string) {
	pool, err := pgxpool.New(context.Background(), os.Getenv(databaseVariable))
	exitOn(err)
	runner, err := steps.New(pool, childOptions)
	exitOn(err)
	in := bufio.NewReader(os.Stdin)
	stop := func(here string) {
		if here == point {
			fmt.Println("here")
			_, err := in.ReadString('\n')
			exitOn(err)
			point = ""
		}
	}
	_, err = runner.Run(context.Background(), childKey, nil, phased(pool, stop)...)
	stop("ended")
	fmt.Printf("%t %q\n", errors.Is(err, steps.ErrLockLost), err.Error())
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
}

type child struct {
	*exec.Cmd

	in  io.Writer
	out *bufio.Reader
}

// startChild runs a child until it has come to its point.
func startChild(tb testing.TB, pool *pgxpool.Pool, point string) *child {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), 2*patience)
	tb.Cleanup(cancel)
	c := &child{Cmd: exec.CommandContext(ctx, os.Args[0])}
	c.Env = append(os.Environ(), pointVariable+"="+point, databaseVariable+"="+pool.Config().ConnString())
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	require.NoError(tb, err)
	out, err := c.StdoutPipe()
	require.NoError(tb, err)
	c.in, c.out = in, bufio.NewReader(out)
	require.NoError(tb, c.Start())
	require.Equal(tb, "here\n", c.line(tb))
	return c
}

func (c *child) line(tb testing.TB) string {
	tb.Helper()
	line, err := c.out.ReadString('\n')
	require.NoError(tb, err)
	return line
}
