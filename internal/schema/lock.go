package schema

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3/lock"
)

// Another process that migrates is looked for once a second, for five minutes.
const (
	lockPeriodSeconds = 1
	lockTries         = 300
)

// How [Locked] takes goose's lock.
const (
	Exclusive = `SELECT pg_advisory_xact_lock($1)`        // nobody else in it
	Shared    = `SELECT pg_advisory_xact_lock_shared($1)` // others that share it, but nobody who changes the schema
)

// Locked runs do in a transaction that has the lock under which goose migrates, so that it sees no migration half done and none sees what it
// does. It waits for the lock until ctx ends. Names are resolved in pg_catalog alone: do must write the schema before all others.
//
// The transaction is READ COMMITTED whatever the database's default: any other would look at the catalog as it was before the wait.
func Locked(ctx context.Context, pool *pgxpool.Pool, mode string, do func(tx pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error { //nolint:wrapcheck // the callers do
		if _, err := tx.Exec(ctx, mode, lock.DefaultLockID); err != nil {
			return fmt.Errorf("wait for other migrations: %w", err)
		}
		if _, err := tx.Exec(ctx, `SET LOCAL search_path = pg_catalog`); err != nil {
			return fmt.Errorf("set the search path: %w", err)
		}
		return do(tx)
	})
}
