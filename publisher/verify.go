package publisher

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/wire"
)

// VerifyConfig of [Verify] and [Repair]. The zero value works.
type VerifyConfig struct {
	// Stream is the JetStream stream; "" means EVENTS.
	Stream string
	// Shared says that others publish into the stream, too, as they may where the relay's fence is by message id: messages of theirs are
	// counted, and are no fault.
	Shared bool
	// Progress is told, a few times in each thousand, how much of both sides has been compared: positions of the store and messages of the
	// stream, added up. It is called by the goroutine that compares, which waits for it. nil means nobody is told.
	Progress func(done, total uint64)
}

func (c VerifyConfig) withDefaults() VerifyConfig {
	setDefault(&c.Stream, wire.DefaultStream)
	if c.Progress == nil {
		c.Progress = func(uint64, uint64) {}
	}
	return c
}

func (c VerifyConfig) validate() error {
	if strings.ContainsAny(c.Stream, " .*>/\\\t\r\n") {
		return fmt.Errorf("publisher.VerifyConfig: Stream is %q, must be a JetStream stream name", c.Stream)
	}
	return nil
}

// Verify compares every settled event of the store with the stream, in position order and in bounded memory. It takes one connection of
// the pool and reads the stream through an ephemeral consumer; it writes nothing. An event that is settled and not yet relayed counts as
// missing. Errors are those of the connections, and [*StreamError] for a stream that does not exist.
func Verify(ctx context.Context, pool *pgxpool.Pool, js jetstream.JetStream, cfg VerifyConfig) (Report, error) {
	var report Report
	err := compared(ctx, pool, js, cfg, func(c *comparison) (err error) {
		report, err = c.finish(ctx)
		return err
	})
	if err != nil {
		return Report{}, fmt.Errorf("verify: %w", err)
	}
	return report, nil
}

// compared runs a comparison, and hands it over while it still has its connection.
func compared(ctx context.Context, pool *pgxpool.Pool, js jetstream.JetStream, cfg VerifyConfig, then func(*comparison) error) error {
	cfg = cfg.withDefaults()
	faults := cfg.validate()
	if pool == nil || js == nil {
		faults = errors.Join(errors.New("pool and js must not be nil"), faults)
	}
	if faults != nil {
		return faults
	}
	pooled, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer pooled.Release()
	if err := eventstore.Check(ctx, pooled.Conn()); err != nil {
		return err
	}
	c, err := newComparison(ctx, pooled.Conn(), cfg)
	if err != nil {
		return err
	}
	if err := c.readStream(ctx, js); err != nil {
		return err
	}
	if err := c.end(ctx); err != nil {
		return err
	}
	return then(c)
}
