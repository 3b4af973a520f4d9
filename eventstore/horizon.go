package eventstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail"
)

// horizonSQL answers -1 on a standby, which can't tell, and -2 where a later statement would not see more than this one.
const horizonSQL = `SELECT CASE
	WHEN pg_is_in_recovery() THEN -1
	WHEN $1::boolean AND current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN -2
	ELSE contrail.horizon() END`

// Horizon returns the greatest position at or below which every event is settled: committed or gone. Select what lies at or below it
// in a later statement, at READ COMMITTED: one statement that does both has a snapshot older than the horizon, and loses events. A
// standby can't tell, and answers [ErrStandby]; a transaction at REPEATABLE READ or above, [ErrIsolation].
//
// A horizon is good for as long as the server runs. It may be above positions that transactions drew and rolled back, of which PostgreSQL need
// not have written a word to its log, so that after a crash it hands them out again, to events. Who keeps a place to go on from, across a
// crash, keeps the position of the last event that was read.
func Horizon(ctx context.Context, db Querier) (contrail.Position, error) {
	var horizon int64
	err := db.QueryRow(ctx, horizonSQL, mayBeInTransaction(db)).Scan(&horizon)
	switch {
	case err != nil:
		return 0, fmt.Errorf("ask for the horizon: %w", translateRead(err))
	case horizon == -1:
		return 0, fmt.Errorf("ask for the horizon: %w: connect to the primary, which alone knows what is settled", ErrStandby)
	case horizon == -2:
		return 0, fmt.Errorf("ask for the horizon: %w: its snapshot is older than the horizon would be, and events would be lost; "+
			"read in a transaction at READ COMMITTED, or outside of one", ErrIsolation)
	}
	return contrail.Position(horizon), nil
}

// mayBeInTransaction tells whether the next statement on db may share its snapshot with this one. Statements of their own have their own,
// whatever the default isolation is.
func mayBeInTransaction(db Querier) bool {
	switch db := db.(type) {
	case *pgxpool.Pool:
		return false
	case *pgx.Conn:
		return db.PgConn().TxStatus() != 'I'
	case interface{ Conn() *pgx.Conn }: // a transaction, or a connection of a pool
		return db.Conn().PgConn().TxStatus() != 'I'
	}
	return true
}
