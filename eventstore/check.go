package eventstore

import (
	"context"
	"fmt"
)

// Check returns nil when db can serve this library: PostgreSQL 14 or later, a primary, and migrated to exactly this version.
// Otherwise the error wraps [ErrTooOld], [ErrStandby], [ErrNotMigrated], [ErrMigratedByNewer] or [ErrSequence] and says what to do.
func Check(ctx context.Context, db Querier) error {
	if err := checkServer(ctx, db); err != nil {
		return err
	}
	if err := ownSchema().Check(ctx, db); err != nil {
		return err
	}
	return checkSequence(ctx, db)
}

// checkSequence refuses a sequence whose sessions draw positions ahead (CACHE), or backwards: the horizon could not tell what is settled.
func checkSequence(ctx context.Context, db Querier) error {
	var sound bool
	err := db.QueryRow(ctx, `SELECT seqcache = 1 AND seqincrement = 1 AND NOT seqcycle FROM pg_sequence
		WHERE seqrelid = 'contrail.events_position_seq'::regclass`).Scan(&sound)
	if err == nil && !sound {
		err = fmt.Errorf("%w, and events would be lost: ALTER SEQUENCE contrail.events_position_seq CACHE 1 INCREMENT 1 NO CYCLE", ErrSequence)
	}
	if err != nil {
		return fmt.Errorf("check the event store: %w", err)
	}
	return nil
}

func checkServer(ctx context.Context, db Querier) error {
	var version int
	var name string
	var standby bool
	err := db.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_version'), pg_is_in_recovery()`).
		Scan(&version, &name, &standby)
	switch {
	case err != nil:
		return fmt.Errorf("check the database server: %w", err)
	case version < 140000:
		return fmt.Errorf("%w: this is PostgreSQL %s, Contrail needs 14 or later", ErrTooOld, name)
	case standby:
		return fmt.Errorf("%w: connect to the primary, which alone knows what is settled", ErrStandby)
	}
	return nil
}
