package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
)

// The scripts in testdata/script run the verbs against real servers. Beside testscript's own they have these commands:
//
//	postgres KIND   sets DATABASE_URL to a database of the script's own: empty, migrated, example, newer, newerexample; to one on a server of the
//	                script's own: own; or to a server that is old, a standby or down
//	nats KIND       sets NATS_URL to a server of the script's own: jetstream, plain (without it), foreign (with EVENTS written by another),
//	                taken (events.> in a stream ORDERS); or to one that is down
//	exits CODE CMD… runs a command that must exit with this very code; what it says on stderr must be our sentences or log lines, without passwords
//	append N        appends N events
//	sql STATEMENT   runs one statement in the database
//	query VALUE SQL waits until a query answers with this text
//	forge SUBJECT   publishes a message that is not an event
//	await KIND [S]  waits for a leader or a caught-up relay of the stream S, EVENTS unless it is named, for a subscription that has begun the run of every
//	                invoice that was issued (handled), or for a statement that has every invoice (projected)
//	[!] empty       fails unless the server has no scratch database and NATS no (or with ! a) stream
//	damage N…       fills the stream with all events and deletes those at the given positions
//	stream CHANGE   makes, edits or deletes the stream EVENTS
//	letters CHANGE  does with dead letters what subscriptions do: bury FILE, listen CONSUMER, handle CONSUMER N
//	consumer CHANGE does with consumers of the stream EVENTS: settle NAME SEQUENCE, make NAME, age SEQUENCE
//	endpoint CHANGE is an HTTP endpoint at $ENDPOINT: start STATUS [BODY], got N SECRET… (signed with each of the secrets)
//	service CHANGE  is contrail serve at $SERVICE: start [FLAG…], METHOD PATH STATUS [BODY] (the answer on stdout), stop CODE (the log on stderr)
//	keep NAME EXPR  sets a variable to what a group of an expression matches on stdout
//	json PATH VALUE compares a value in the JSON object on stdout, as in json verify.ok true
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			tb, ok := env.T().(testing.TB)
			if !ok {
				return errors.New("testscript's T is no testing.TB")
			}
			env.Values[tbKey{}] = tb
			env.Values[servedKey{}] = map[string]*served{}
			env.Setenv("TMPDIR", os.TempDir()) // as root, PostgreSQL runs as another user, who can't get into the script's folder
			env.Setenv("DATA", pgtest.Dir(tb))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"postgres": setPostgres, "nats": setNATS, "exits": exits, "append": appendEvents, "sql": execSQL, "query": query, "forge": forge,
			"await": await, "empty": requireEmpty, "json": compareJSON, "damage": damage, "stream": changeStream,
			"letters": changeLetters, "consumer": changeConsumer, "endpoint": useEndpoint, "keep": keepMatch, "service": useService,
		},
	})
}

type tbKey struct{}

func tbOf(ts *testscript.TestScript) testing.TB {
	tb, _ := ts.Value(tbKey{}).(testing.TB)
	return tb
}

// nowhere is an address at which nobody listens. Scripts let processes listen there, one after another: so its port is below those that systems give to
// connections, and those that the tests' servers choose from.
func nowhere(ts *testscript.TestScript) string {
	const lowest, count, tries = 10_000, 10_000, 100
	for range tries {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(lowest+rand.N(count)))
		listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
		if err == nil {
			ts.Check(listener.Close())
			return address
		}
	}
	ts.Fatalf("no free port")
	return ""
}

func setPostgres(ts *testscript.TestScript, _ bool, args []string) {
	tb := tbOf(ts)
	set := func(url string) { ts.Setenv("DATABASE_URL", url) }
	switch args[0] {
	case "empty":
		set(pgtest.Empty(tb))
	case "migrated":
		set(pgtest.NewURL(tb))
	case "example", "newerexample":
		set(pgtest.NewURL(tb))
		withPool(ts, func(pool *pgxpool.Pool) error { _, err := invoicing.Migrate(tb.Context(), pool); return err })
		if args[0] == "newerexample" {
			execSQL(ts, false, []string{"INSERT INTO invoicing.migrations (version_id, is_applied) VALUES (999, true)"})
		}
	case "newer":
		set(pgtest.NewURL(tb))
		execSQL(ts, false, []string{"INSERT INTO contrail.migrations (version_id, is_applied) VALUES (999, true)"})
	case "own":
		set(pgtest.Server(tb, localstack.PostgresConfig{}).URL())
	case "old":
		set(fakePostgres(tb, 130018, "13.18", false))
	case "standby":
		set(fakePostgres(tb, 170002, "17.2", true))
	case "down":
		set("postgres://app:hunter2@" + nowhere(ts) + "/app")
	default:
		ts.Fatalf("no such kind: %s", args[0])
	}
}

func setNATS(ts *testscript.TestScript, _ bool, args []string) {
	tb := tbOf(ts)
	switch args[0] {
	case "jetstream":
		ts.Setenv("NATS_URL", natstest.Start(tb).URL())
	case "plain":
		ts.Setenv("NATS_URL", natstest.Start(tb, func(options *server.Options) { options.JetStream = false }).URL())
	case "foreign", "taken":
		ts.Setenv("NATS_URL", natstest.Start(tb).URL())
		withJetStream(ts, func(js jetstream.JetStream) error {
			name := map[string]string{"foreign": "EVENTS", "taken": "ORDERS"}[args[0]]
			_, err := js.CreateStream(tb.Context(), jetstream.StreamConfig{
				Name: name, Subjects: []string{"events.>"}, DenyDelete: true, DenyPurge: true,
			})
			return err
		})
		forge(ts, false, []string{"events.order.1.OrderPlaced"})
	case "down":
		ts.Setenv("NATS_URL", "nats://app:hunter2@"+nowhere(ts))
	default:
		ts.Fatalf("no such kind: %s", args[0])
	}
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exited with %d, want %d", got, want)
	}
	text := ts.ReadFile("stderr")
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "contrail") && !strings.HasPrefix(line, "time=") && !strings.HasPrefix(line, "{") {
			ts.Fatalf("neither a sentence nor a log line: %q", line)
		}
	}
	if strings.Contains(text, "hunter2") {
		ts.Fatalf("a password: %q", text)
	}
}

func withPool(ts *testscript.TestScript, do func(pool *pgxpool.Pool) error) {
	pool, err := pgxpool.New(context.Background(), ts.Getenv("DATABASE_URL"))
	ts.Check(err)
	defer pool.Close()
	ts.Check(do(pool))
}

func withJetStream(ts *testscript.TestScript, do func(js jetstream.JetStream) error) {
	conn, err := nats.Connect(ts.Getenv("NATS_URL"))
	ts.Check(err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	ts.Check(err)
	ts.Check(do(js))
}

func appendEvents(ts *testscript.TestScript, _ bool, args []string) {
	execSQL(ts, false, []string{`INSERT INTO contrail.events (stream, version, type, data)
		SELECT 'test-' || gen_random_uuid(), 1, 'Counted', '{}' FROM generate_series(1, ` + args[0] + `)`})
}

func execSQL(ts *testscript.TestScript, _ bool, args []string) {
	withPool(ts, func(pool *pgxpool.Pool) error { _, err := pool.Exec(context.Background(), args[0]); return err })
}

func query(ts *testscript.TestScript, _ bool, args []string) {
	withPool(ts, func(pool *pgxpool.Pool) error {
		require.Eventually(tbOf(ts), func() bool {
			var text string
			err := pool.QueryRow(context.Background(), args[1]).Scan(&text)
			return err == nil && text == args[0]
		}, 30*time.Second, 10*time.Millisecond, args[1])
		return nil
	})
}

func forge(ts *testscript.TestScript, _ bool, args []string) {
	withJetStream(ts, func(js jetstream.JetStream) error {
		_, err := js.Publish(context.Background(), args[0], []byte(`{"specversion":"1.0","id":"1","source":"/orders","type":"OrderPlaced"}`))
		return err
	})
}

func await(ts *testscript.TestScript, _ bool, args []string) {
	kind, stream := args[0], "EVENTS"
	if len(args) > 1 {
		stream = args[1]
	}
	withPool(ts, func(pool *pgxpool.Pool) error {
		withJetStream(ts, func(js jetstream.JetStream) error {
			require.Eventually(tbOf(ts), func() bool { return isSo(pool, js, kind, stream) }, 30*time.Second, 10*time.Millisecond, kind)
			return nil
		})
		return nil
	})
}

func isSo(pool *pgxpool.Pool, js jetstream.JetStream, kind, stream string) bool {
	status, err := publisher.ReadStatus(context.Background(), pool, js, stream)
	switch kind {
	case "leader":
		return err == nil && status.Leader != ""
	case "relayed":
		return err == nil && status.Leader != "" && status.LagEvents == 0
	}
	missing := 0
	sql := map[string]string{
		"handled": `SELECT count(*) FROM contrail.events e WHERE type = 'InvoiceIssued'
			AND NOT EXISTS (SELECT FROM contrail.runs r WHERE r.key = 'reminders/' || substr(e.stream, length('invoice-') + 1))`,
		"projected": `SELECT count(*) FROM contrail.events e WHERE type = 'InvoiceDrafted'
			AND NOT EXISTS (SELECT FROM invoicing.statement_invoices i WHERE 'invoice-' || i.id = e.stream)`,
	}[kind]
	err = pool.QueryRow(context.Background(), sql).Scan(&missing)
	return err == nil && missing == 0
}

func requireEmpty(ts *testscript.TestScript, neg bool, _ []string) {
	withPool(ts, func(pool *pgxpool.Pool) error {
		rows, _ := pool.Query(context.Background(), `SELECT datname FROM pg_database WHERE starts_with(datname, 'contrail_demo_')`)
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err == nil && len(names) > 0 {
			err = fmt.Errorf("left behind: %v", names)
		}
		return err
	})
	withJetStream(ts, func(js jetstream.JetStream) error {
		var names []string
		for name := range js.StreamNames(context.Background()).Name() {
			names = append(names, name)
		}
		if neg != (len(names) > 0) {
			return fmt.Errorf("streams that are there: %v", names)
		}
		return nil
	})
}

func compareJSON(ts *testscript.TestScript, _ bool, args []string) {
	var value any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &value))
	for key := range strings.SplitSeq(args[0], ".") {
		object, _ := value.(map[string]any)
		inner, found := object[key]
		if !found {
			ts.Fatalf("there is no %s in %v", key, value)
		}
		value = inner
	}
	text, err := json.Marshal(value)
	ts.Check(err)
	if string(text) != args[1] {
		ts.Fatalf("%s is %s, want %s", args[0], text, args[1])
	}
}
