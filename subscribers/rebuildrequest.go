package subscribers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/contrail-events/contrail"
)

// The row of contrail.rebuilds is locked before anything is written, for as long as that takes: who pauses the projection, cancels the rebuild
// or begins it anew waits for it, and what comes after finds that out. Where the projection's row is locked too, it is locked first.
const (
	takeSQL = `SELECT id::text, state, position FROM contrail.rebuilds WHERE projection = $1 AND finished_at IS NULL FOR UPDATE`

	advanceSQL = `WITH advanced AS (
			UPDATE contrail.rebuilds SET position = $4, target = $5, events = events + $6,
				error = CASE WHEN $3 = $4 THEN error ELSE '' END, updated_at = clock_timestamp()
			WHERE projection = $1 AND id = $2::uuid AND position = $3 AND state = 'running' RETURNING 1
		) SELECT ` + extendPath + ` FROM advanced`

	isPausedSQL = `SELECT EXISTS (SELECT FROM contrail.projections WHERE name = $1 AND paused_at IS NOT NULL), (` + writtenSQL + `)`

	startSQL = `UPDATE contrail.rebuilds SET state = 'running', position = 0, events = 0, error = '', started_at = clock_timestamp(),
		updated_at = clock_timestamp() WHERE projection = $1`

	endSQL = `UPDATE contrail.rebuilds SET state = $3, error = coalesce(nullif($4, ''), error), updated_at = clock_timestamp(), finished_at = clock_timestamp()
		WHERE projection = $1 AND id = $2::uuid AND finished_at IS NULL AND state IN ('requested', 'running', $3)`

	tellSQL = `UPDATE contrail.rebuilds SET error = $3, updated_at = clock_timestamp() WHERE projection = $1 AND id = $2::uuid AND finished_at IS NULL`
)

// begin takes the request up: from where it was interrupted, or else with new tables. False: nothing is asked for any more.
func (r *rebuilder) begin(ctx context.Context) (wanted bool, err error) {
	err = pgx.BeginTxFunc(ctx, r.conn, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		var state string
		err := tx.QueryRow(ctx, takeSQL, r.config.Name).Scan(&r.request, &state, &r.at)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return nil
		case err != nil:
			return fmt.Errorf("read what is asked for: %w", unmigrated(err))
		case state == "cancelled":
			return r.end(ctx, tx, state, "")
		}
		if err := r.checkPaused(ctx, tx); err != nil {
			return err
		}
		wanted = true
		return r.prepare(ctx, tx, state == "running")
	})
	if wanted && err == nil {
		r.config.Logger.InfoContext(ctx, "rebuilding the read model", slog.String("projection", r.config.Name), slog.Int64("after", int64(r.at)))
	}
	return wanted, err //nolint:wrapcheck // what is in it is wrapped
}

// prepare makes sure that the live tables can be replaced, and makes the new ones unless they are there.
func (r *rebuilder) prepare(ctx context.Context, tx pgx.Tx, begun bool) (err error) {
	if r.live, err = checkLive(ctx, tx, r.tables); err != nil {
		return err
	}
	if begun {
		fits, err := r.shadow.fits(ctx, tx)
		if fits || err != nil {
			return err
		}
		r.config.Logger.WarnContext(ctx, "the read model's tables have changed while they were rebuilt, beginning anew", slog.String("projection", r.config.Name))
	}
	if err := r.shadow.create(ctx, tx); err != nil {
		return err
	}
	r.at = 0
	if _, err := tx.Exec(ctx, startSQL, r.config.Name); err != nil {
		return fmt.Errorf("write down that the rebuild begins: %w", unmigrated(err))
	}
	return nil
}

// advance claims the way from where the rebuild is to the end of what was read, and has the handler's unqualified names mean the new tables.
func (r *rebuilder) advance(ctx context.Context, tx pgx.Tx, read page, target contrail.Position) error {
	err := tx.QueryRow(ctx, advanceSQL, r.config.Name, r.request, r.at, read.through, target, len(read.events), r.shadow.path()).Scan(nil)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return errSuperseded
	case err != nil:
		return fmt.Errorf("write down how far the rebuild is: %w", unmigrated(err))
	}
	return r.checkPaused(ctx, tx)
}

// checkPaused comes behind the lock, as a statement of its own: one that waited for the lock would not see what it waited for. In passing it learns what
// the server has counted up to then.
func (r *rebuilder) checkPaused(ctx context.Context, tx pgx.Tx) error {
	var paused bool
	if err := tx.QueryRow(ctx, isPausedSQL, r.config.Name, r.live).Scan(&paused, &r.written); err != nil {
		return fmt.Errorf("look whether the projection is paused: %w", unmigrated(err))
	}
	if paused {
		return errPaused
	}
	return nil
}

// end drops the new tables and writes down how the request ended.
func (r *rebuilder) end(ctx context.Context, tx pgx.Tx, state, text string) error {
	tag, err := tx.Exec(ctx, endSQL, r.config.Name, r.request, state, text)
	switch {
	case err != nil:
		return fmt.Errorf("write down how the rebuild ended: %w", unmigrated(err))
	case tag.RowsAffected() == 0:
		return errSuperseded
	}
	err = pgx.BeginFunc(ctx, tx, func(inner pgx.Tx) error { return r.shadow.drop(ctx, inner) })
	if isMisconfigured(err) { // they are another user's; it is over nevertheless
		r.config.Logger.WarnContext(ctx, "the new tables could not be dropped", slog.String("projection", r.config.Name), slog.Any("error", err))
		return nil
	}
	return err //nolint:wrapcheck // what is in it is wrapped
}

// fail gives the request up. The read model is what it was.
func (r *rebuilder) fail(ctx context.Context, why error) error {
	if r.request == "" {
		return why
	}
	err := pgx.BeginTxFunc(ctx, r.conn, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		return r.end(ctx, tx, "failed", why.Error())
	})
	if err != nil {
		return errors.Join(why, err)
	}
	r.config.Logger.ErrorContext(ctx, "the read model could not be rebuilt", slog.String("projection", r.config.Name), slog.Any("error", why))
	return nil
}

// excuse writes down what is tried again, for persons to see.
func (r *rebuilder) excuse(ctx context.Context, why error) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err := r.pool.Exec(ctx, tellSQL, r.config.Name, r.request, why.Error())
	return unmigrated(err)
}

// misfit makes a configError of what the database refuses however often it is asked: the tables, or what they contain, are not fit for it (SQLSTATE
// classes 22 and 23), or the user's rights are too few, or something is missing (42).
func misfit(operation string, err error) error {
	refusal, refused := errors.AsType[*pgconn.PgError](err)
	switch {
	case !refused:
	case refusal.Code == "42501":
		return misconfigured("%s: %w; grant the user what it takes: CREATE on the database, what the handler needs, and USAGE and UPDATE on the sequences of identity columns", operation, err)
	case strings.HasPrefix(refusal.Code, "22"), strings.HasPrefix(refusal.Code, "23"), strings.HasPrefix(refusal.Code, "42"),
		strings.HasPrefix(refusal.Code, "P0"), refusal.Code == "55000": // a trigger's own refusal; a publication without a replica identity
		return misconfigured("%s: %w", operation, err)
	}
	return fmt.Errorf("%s: %w", operation, err)
}
