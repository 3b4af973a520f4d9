package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/eventstore"
)

// openStore opens a pool on the given database and makes sure that it can serve: reachable, new enough, a primary, migrated to this version.
func (a *app) openStore(ctx context.Context, connections int32) (*pgxpool.Pool, error) {
	pool, err := a.openPool(ctx, connections)
	if err != nil {
		return nil, err
	}
	if err := a.inTime(ctx, func(ctx context.Context) error { return eventstore.Check(ctx, pool) }); err != nil {
		pool.Close()
		return nil, hinted(err)
	}
	return pool, nil
}

// openPool opens a pool of at most so many connections on the given database and makes sure that it can be reached.
func (a *app) openPool(ctx context.Context, connections int32) (*pgxpool.Pool, error) {
	if a.DatabaseURL == "" {
		return nil, usagef("no database is given; set DATABASE_URL, or give --database-url postgres://user:password@host:5432/database")
	}
	return a.openPoolAt(ctx, a.DatabaseURL, connections)
}

func (a *app) openPoolAt(ctx context.Context, address string, connections int32) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, fmt.Errorf("the database URL is wrong (%s); write it as postgres://user:password@host:5432/database", parseReason(err))
	}
	if strings.LastIndex(config.ConnConfig.Host, "@") > 0 { // a part of the password, which must not be told as a host
		return nil, errors.New("the database URL is wrong (there is an @ in what comes before its host: percent-encode it as %40); write it as postgres://user:password@host:5432/database")
	}
	config.MaxConns, config.MinConns = connections, 0
	config.ConnConfig.ConnectTimeout = a.ConnectTimeout
	a.logStatements(config.ConnConfig)
	a.traceQueries(config.ConnConfig)
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "contrail " + a.verb
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open a pool: %w", err)
	}
	if err := a.inTime(ctx, pool.Ping); err != nil {
		pool.Close()
		where := net.JoinHostPort(config.ConnConfig.Host, strconv.Itoa(int(config.ConnConfig.Port)))
		return nil, fmt.Errorf("PostgreSQL at %s can't be used: %w; start it, or correct %s", where, connectReason(ctx, err), a.databaseFrom)
	}
	return pool, nil
}

// inTime runs what asks a server something within the connect timeout.
func (a *app) inTime(ctx context.Context, ask func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, a.ConnectTimeout, fmt.Errorf("no answer within %s", a.ConnectTimeout))
	defer cancel()
	err := ask(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause //nolint:wrapcheck // it says more than what it made go wrong
	}
	return err
}

// commitGrace is how long a commit may take that was begun before a signal came.
const commitGrace = 10 * time.Second

// inTx runs fn in a transaction at READ COMMITTED. Once the commit has begun a signal comes too late: nobody would know what became of it.
func inTx(ctx context.Context, pool *pgxpool.Pool, fn func(tx pgx.Tx) error) error {
	tx, err := pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	if err := fn(tx); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx) //nolint:wrapcheck // the signal
	}
	patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitGrace)
	defer cancel()
	if err := tx.Commit(patient); err != nil {
		return fmt.Errorf("commit: %w; look whether it was done", err)
	}
	return nil
}

// parseReason is why a URL can't be read, without the URL itself, which may hold a password.
func parseReason(err error) string {
	if wrong, ok := errors.AsType[*url.Error](err); ok {
		return withoutURL(wrong.Err.Error())
	}
	if wrong, ok := errors.AsType[*pgconn.ParseConfigError](err); ok {
		if inner := wrong.Unwrap(); inner != nil {
			return withoutURL(inner.Error())
		}
		text := wrong.Error()
		if cut := strings.LastIndex(text, "`: "); cut >= 0 {
			return withoutURL(text[cut+len("`: "):])
		}
	}
	return "it can't be read"
}

// withoutURL keeps the library's reason only where it does not quote a part of the URL.
func withoutURL(reason string) string {
	if strings.ContainsAny(reason, `"'@`) {
		reason = strings.TrimRight(reason[:strings.IndexAny(reason, `"'@`)], " :")
	}
	return reason
}

// connectReason is the inmost reason: what the server said, or the network.
func connectReason(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx) //nolint:wrapcheck // the signal
	}
	if refusal, ok := errors.AsType[*pgconn.PgError](err); ok {
		return errors.New(refusal.Message)
	}
	if failure, ok := errors.AsType[*net.OpError](err); ok {
		return failure.Err // the caller tells whose address it is
	}
	if failure, ok := errors.AsType[*net.DNSError](err); ok {
		return errors.New("its name is unknown: " + failure.Err)
	}
	return err
}

// hinted adds what to do where the error does not say it.
func hinted(err error) error {
	if errors.Is(err, eventstore.ErrTooOld) {
		return fmt.Errorf("%w; upgrade the server", err)
	}
	return err
}
