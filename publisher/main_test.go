package publisher_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/eventstore"
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
	pgtest.Main(m)
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
	conn, err := nats.Connect(os.Getenv("NATS_URL"))
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	cfg := publisher.Config{BatchEvents: 20}
	if os.Getenv("CONTRAIL_TEST_KILL_AT") == "default" { // a benchmark: as a user would run it
		cfg = publisher.Config{}
	}
	if interval, err := time.ParseDuration(os.Getenv("CONTRAIL_TEST_POLL")); err == nil {
		cfg.Wake = eventstore.Poll(interval)
	}
	relay, err := publisher.NewRelay(pool, js, cfg)
	if err != nil {
		return err
	}
	remaining, _ := strconv.Atoi(os.Getenv("CONTRAIL_TEST_KILL_AFTER"))
	relay.OnPoint(func(point string) {
		if point != os.Getenv("CONTRAIL_TEST_KILL_AT") {
			return
		}
		if remaining--; remaining < 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // the signal is on its way
		}
	})
	return relay.Run(ctx)
}
