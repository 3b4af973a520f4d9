package subscribers_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
)

const (
	roleWired     = "wired"
	pointVariable = "SUBSCRIBERS_TEST_POINT"
	formVariable  = "SUBSCRIBERS_TEST_FORM"
	limitVariable = "SUBSCRIBERS_TEST_HANDLER_TIMEOUT" // empty: by default
	slow          = 21                                 // the number of the event whose handler is where the process stops, if that is the point
)

// runWiredChild plays a process that says "here" at a point, and goes on when it is told to.
func runWiredChild(role string) {
	if role != roleWired {
		return
	}
	commands, proceed := make(chan string), make(chan struct{})
	trip := &tripwire{point: points()[os.Getenv(pointVariable)], stop: func() {
		fmt.Println("here")
		<-proceed
	}}
	sub := wiredSubscription(trip)
	go func() {
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			commands <- lines.Text()
		}
		os.Exit(0) // the test is over
	}()
	go func() {
		for command := range commands {
			if command == "go" {
				close(proceed)
				continue
			}
			stats, err := json.Marshal(sub.Stats())
			exitOn(err)
			fmt.Println(string(stats))
		}
	}()
	exitOn(sub.Run(context.Background()))
}

func wiredSubscription(trip *tripwire) *subscribers.Subscription {
	ctx := context.Background()
	config, err := pgxpool.ParseConfig(os.Getenv(databaseVariable))
	exitOn(err)
	plain, err := pgxpool.NewWithConfig(ctx, config)
	exitOn(err)
	config = config.Copy()
	config.ConnConfig.DialFunc = trip.dial
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec // each statement's text is on the wire
	conn, err := nats.Connect(os.Getenv(brokerVariable), nats.SetCustomDialer(trip))
	exitOn(err)
	js, err := jetstream.New(conn)
	exitOn(err)
	maxDeliver, err := strconv.Atoi(os.Getenv(maxDeliverVariable))
	exitOn(err)
	form := os.Getenv(formVariable)
	inbox := subscribers.NewInboxSQL(stdlib.OpenDB(*config.ConnConfig))
	if form == formTx {
		pool, err := pgxpool.NewWithConfig(ctx, config)
		exitOn(err)
		inbox = subscribers.NewInbox(pool)
	}
	limited := killConfig(inbox, maxDeliver)
	if limit := os.Getenv(limitVariable); limit != "" {
		limited.HandlerTimeout, err = time.ParseDuration(limit)
		exitOn(err)
	}
	sub, err := subscribers.New(js, limited)
	exitOn(err)
	register(sub, form, plain, func(ctx context.Context, e contrail.Delivered[drafted]) error {
		_, err := plain.Exec(ctx, callSQL, e.Position, e.Delivery.Attempt)
		exitOn(err)
		if e.Data.N == slow && os.Getenv(pointVariable) == inside {
			trip.spring()
		}
		return killVerdict(e)
	})
	return sub
}

// wired is how a child is set up.
type wired struct {
	form, at   string
	maxDeliver int
	limit      string // Config.HandlerTimeout
}

// startWired runs a child that stops at a point.
func (w *world) startWired(tb testing.TB, pool *pgxpool.Pool, how wired) *child {
	tb.Helper()
	c := &child{Cmd: exec.CommandContext(tb.Context(), os.Args[0])}
	c.Env = append(os.Environ(), roleVariable+"="+roleWired, pointVariable+"="+how.at, formVariable+"="+how.form,
		limitVariable+"="+how.limit, maxDeliverVariable+"="+strconv.Itoa(how.maxDeliver), databaseVariable+"="+pool.Config().ConnString(), brokerVariable+"="+w.server.URL())
	c.Stderr = os.Stderr
	var err error
	c.in, err = c.StdinPipe()
	require.NoError(tb, err)
	out, err := c.StdoutPipe()
	require.NoError(tb, err)
	c.said = bufio.NewReader(out)
	require.NoError(tb, c.Start())
	return c
}

// stats asks a child that was told to go on.
func (c *child) stats(tb testing.TB) (stats subscribers.Stats) {
	tb.Helper()
	_, err := fmt.Fprintln(c.in, "stats")
	require.NoError(tb, err)
	line, err := c.said.ReadString('\n')
	require.NoError(tb, err)
	require.NoError(tb, json.Unmarshal([]byte(strings.TrimSpace(line)), &stats))
	return stats
}
