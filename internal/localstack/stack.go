package localstack

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"

	"golang.org/x/sync/errgroup"
)

// Config says what to start. The zero value starts both servers in temporary folders.
type Config struct {
	// DataDir is the folder that keeps the data of both servers: DataDir/postgres and DataDir/nats. Default "": temporary folders.
	DataDir string

	// DatabaseURL and NATSURL name servers that are there already, to be used instead of starting one. Default "": start one.
	DatabaseURL, NATSURL string

	// Durable makes both survive a crash of the machine; see [PostgresConfig] and [NATSConfig]. Default false.
	Durable bool

	// Logger is handed to both. Default: none.
	Logger *slog.Logger
}

// Stack is PostgreSQL and NATS, ready to use.
type Stack struct {
	databaseURL, natsURL string
	postgres             *Postgres // nil when the caller has one
	nats                 *NATS     // nil when the caller has one
}

// Start starts both servers side by side, or uses those that config names, which it does not try to reach. When one fails, or ctx ends,
// neither is left running.
func Start(ctx context.Context, config Config) (*Stack, error) {
	return start(ctx, config, systemInstallation())
}

func start(ctx context.Context, config Config, from installation) (*Stack, error) {
	stack := &Stack{databaseURL: config.DatabaseURL, natsURL: config.NATSURL}
	both, bothCtx := errgroup.WithContext(ctx)
	if config.DatabaseURL == "" {
		both.Go(func() error {
			pg, err := startPostgres(bothCtx, PostgresConfig{
				Dir: subfolder(config.DataDir, "postgres"), Durable: config.Durable, Logger: config.Logger,
			}, from)
			if err == nil {
				stack.postgres, stack.databaseURL = pg, pg.URL()
			}
			return err
		})
	}
	if config.NATSURL == "" {
		both.Go(func() error {
			nats, err := StartNATS(NATSConfig{
				Dir: subfolder(config.DataDir, "nats"), Durable: config.Durable, Logger: config.Logger,
			})
			if err == nil {
				stack.nats, stack.natsURL = nats, nats.URL()
			}
			return err
		})
	}
	err := both.Wait()
	if err == nil {
		err = ended(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, stack.Close())
	}
	return stack, nil
}

// DatabaseURL is the address of the database, started or given.
func (s *Stack) DatabaseURL() string { return s.databaseURL }

// NATSURL is the address of the NATS server, started or given.
func (s *Stack) NATSURL() string { return s.natsURL }

// Close stops what Start started, NATS first, and leaves alone what was given. A second Close, and one of a nil Stack, does nothing.
func (s *Stack) Close() error {
	if s == nil {
		return nil
	}
	return errors.Join(s.nats.Close(), s.postgres.Close())
}

func subfolder(dir, name string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, name)
}
