package subscribers_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
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

const (
	roleVariable     = "SUBSCRIBERS_TEST_ROLE"
	databaseVariable = "SUBSCRIBERS_TEST_DATABASE"
	brokerVariable   = "SUBSCRIBERS_TEST_BROKER"
	shortWait        = time.Second
)

// effectSQL is not idempotent, so that a second effect shows.
const effectSQL = `INSERT INTO effects (position, count) VALUES ($1, 1)
ON CONFLICT (position) DO UPDATE SET count = effects.count + 1`

func createEffects(tb testing.TB, pool *pgxpool.Pool) {
	tb.Helper()
	_, err := pool.Exec(tb.Context(), `CREATE TABLE effects (position bigint PRIMARY KEY, count int NOT NULL)`)
	require.NoError(tb, err)
}

// effects returns how many events took effect, and how often all together.
func effects(tb testing.TB, pool *pgxpool.Pool) (events, times int) {
	tb.Helper()
	err := pool.QueryRow(tb.Context(), `SELECT count(*), coalesce(sum(count), 0) FROM effects`).Scan(&events, &times)
	require.NoError(tb, err)
	return events, times
}

func takeEffect(ctx context.Context, tx pgx.Tx, e contrail.Delivered[drafted]) error {
	_, err := tx.Exec(ctx, effectSQL, e.Position)
	return err
}

func projectEffect(ctx context.Context, tx pgx.Tx, events []contrail.Delivered[json.RawMessage]) error {
	for _, e := range events {
		if _, err := tx.Exec(ctx, effectSQL, e.Position); err != nil {
			return err
		}
	}
	return nil
}

// runChild is the process that is killed: it says "committed" after each commit, and never gets any further.
func runChild(role string) {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv(databaseVariable))
	exitOn(err)
	conn, err := nats.Connect(os.Getenv(brokerVariable))
	exitOn(err)
	js, err := jetstream.New(conn)
	exitOn(err)
	if role == "waiting" {
		exitOn(runWaiting(js))
		return
	}
	stuck := func() {
		fmt.Println("committed")
		select {}
	}
	if strings.HasPrefix(role, "rebuild") {
		runRebuildingChild(ctx, role, js, pool, stuck)
		return
	}
	if role == "projection that thaws" {
		runThawing(ctx, js, pool)
		return
	}
	if role == "projection" {
		projection, err := subscribers.NewProjection(js, pool, subscribers.ProjectionConfig{Name: "test", Batch: 3}, projectEffect)
		exitOn(err)
		projection.OnCommitted(stuck)
		exitOn(projection.Run(ctx))
		return
	}
	sub, err := subscribers.New(js, subscribers.Config{Durable: "test", Inbox: subscribers.NewInbox(pool), AckWait: shortWait})
	exitOn(err)
	sub.OnCommitted(stuck)
	subscribers.HandleTx(sub, takeEffect)
	exitOn(sub.Run(ctx))
}

// runThawing projects, and says "here" after its first commit and "interrupted" when its term is over.
func runThawing(ctx context.Context, js jetstream.JetStream, pool *pgxpool.Pool) {
	logged := newLog()
	projection, err := subscribers.NewProjection(js, pool, subscribers.ProjectionConfig{Name: "test", Logger: logged.logger()}, projectEffect)
	exitOn(err)
	go func() {
		for message := range logged.messages {
			if strings.Contains(message, "projection is interrupted") {
				fmt.Println("interrupted")
			}
		}
	}()
	var first sync.Once
	projection.OnCommitted(func() {
		first.Do(func() {
			fmt.Println("here")
			_, err := fmt.Scanln(new(string))
			exitOn(err)
		})
	})
	exitOn(projection.Run(ctx))
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
}

// killAfterCommit runs a child in that role, and kills it when it has committed.
func (w *world) killAfterCommit(tb testing.TB, pool *pgxpool.Pool, role string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0])
	child.Env = append(os.Environ(),
		roleVariable+"="+role, databaseVariable+"="+pool.Config().ConnString(), brokerVariable+"="+w.server.URL())
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	require.NoError(tb, err)
	require.NoError(tb, child.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(tb, err)
	require.Equal(tb, "committed\n", line)
	require.NoError(tb, child.Process.Kill())
	require.ErrorContains(tb, child.Wait(), "killed")
}
