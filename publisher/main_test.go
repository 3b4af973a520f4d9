package publisher_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
)

// The test binary is also the relay process that the tests kill.
func TestMain(m *testing.M) {
	if os.Getenv("CONTRAIL_TEST_RELAY") != "" {
		if err := runRelayProcess(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	pgtest.WaitTogether() // most of these tests wait for time-outs, and for one another
	if flag.Lookup("test.bench").Value.String() != "" {
		pgtest.Main(m) // the stock pipeline leaves goroutines behind
	}
	goleak.VerifyTestMain(pgtest.M{M: m}, natstest.LeftBehind()...)
}

// processSettings are what a test may want of a relay process besides.
type processSettings struct {
	Identity    string
	Poll        time.Duration // 0: it is notified
	OnPermanent publisher.OnPermanent
	Attempts    int
	Format      publisher.Format
	Fence       publisher.Fence
	Freezes     bool // at its point it stops by SIGSTOP, in the middle of what the broker has, and does not kill itself
	Logs        bool // to its standard error
}

func (s processSettings) environment(tb testing.TB) string {
	tb.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		tb.Fatal(err)
	}
	return "CONTRAIL_TEST_SETTINGS=" + string(text)
}

func (s processSettings) config() publisher.Config {
	cfg := publisher.Config{
		BatchEvents: 20, RetryMin: 5 * time.Millisecond, RetryMax: 100 * time.Millisecond, Identity: s.Identity,
		OnPermanent: s.OnPermanent, Attempts: s.Attempts, Format: s.Format, Fence: s.Fence,
	}
	if s.Poll > 0 {
		cfg.Wake = eventstore.Poll(s.Poll)
	}
	if s.Logs {
		cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return cfg
}

// runRelayProcess relays until SIGTERM, or until it kills itself at the given point of its loop, passed the given number of times.
func runRelayProcess() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	defer pool.Close()
	conn, err := nats.Connect(os.Getenv("NATS_URL"), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond), nats.RetryOnFailedConnect(true))
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	if n, err := strconv.Atoi(os.Getenv("CONTRAIL_TEST_READY_MADE")); err == nil {
		if js, err = jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(4000)); err != nil {
			return err
		}
		return publishReadyMade(ctx, js, n)
	}
	var settings processSettings
	if text := os.Getenv("CONTRAIL_TEST_SETTINGS"); text != "" {
		if err := json.Unmarshal([]byte(text), &settings); err != nil {
			return err
		}
	}
	if interval, err := time.ParseDuration(os.Getenv("CONTRAIL_TEST_POLL")); err == nil {
		settings.Poll = interval
	}
	cfg := settings.config()
	if os.Getenv("CONTRAIL_TEST_KILL_AT") == "default" { // a benchmark: as a user would run it
		debug.SetGCPercent(200) // as the command does
		cfg = publisher.Config{}
	}
	relay, err := publisher.NewRelay(pool, js, cfg)
	if err != nil {
		return err
	}
	relay.OnPoint(endAtPoint(conn, settings.Freezes))
	return relay.Run(ctx)
}

// endAtPoint kills the process, or freezes it once, at the point that it was given.
func endAtPoint(conn *nats.Conn, freezes bool) func(point string) {
	remaining, _ := strconv.Atoi(os.Getenv("CONTRAIL_TEST_KILL_AFTER"))
	return func(point string) {
		if point != os.Getenv("CONTRAIL_TEST_KILL_AT") {
			return
		}
		if remaining--; remaining >= 0 {
			return
		}
		if !freezes {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // the signal is on its way
		}
		if remaining == -1 {
			freeze(conn)
		}
	}
}

// freeze stops the process until SIGCONT. Before that, all that was sent is at the broker, and all that it answered is here.
func freeze(conn *nats.Conn) {
	for stats := conn.Stats(); stats.InMsgs < stats.OutMsgs; stats = conn.Stats() {
		time.Sleep(time.Millisecond) //nolint:forbidigo // the client tells nobody of its answers but who waits for them
	}
	_ = conn.Flush()
	_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	time.Sleep(100 * time.Millisecond) //nolint:forbidigo // the signal is on its way; all of this passes while the process is stopped
}
