package steps

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

const (
	// insertSQL begins a run, locked if a lease is given. It waits for a transaction that begins the same one, by the unique index of keys.
	insertSQL = `INSERT INTO contrail.runs AS r (id, key, workflow, tenant, args, definition, metadata, locked_by, locked_until, token)
		VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7::jsonb, $8, now() + make_interval(secs => nullif($9::float8, 0)), ($9::float8 > 0)::int)
		ON CONFLICT ON CONSTRAINT runs_key DO NOTHING`

	// free is a run that nobody performs. An order to cancel passes the token of who performs it, and leaves its lock.
	free = `(r.locked_until IS NULL OR r.locked_until < now() AND NOT EXISTS (
		SELECT FROM contrail.run_leases AS l WHERE l.run = r.id AND l.token = r.token - (r.state = 'cancelling')::int AND l.until >= now()))`

	// lockSQL locks what the table found has. A run whose lock was left behind has failed once more: its process may have died of this step.
	lockSQL = `, locked AS (
			UPDATE contrail.runs AS r SET token = r.token + 1, locked_by = $1, locked_until = now() + make_interval(secs => $2), changed_at = now(),
				state = CASE WHEN r.ends_as = '' THEN 'ready' WHEN r.state = 'cancelling' THEN r.state ELSE 'compensating' END,
				failures = r.failures + found.abandoned::int, retrying = r.retrying OR found.abandoned,
				error = CASE WHEN found.abandoned THEN 'the process ' || r.locked_by || ' did not end this step, nor renew its lock' ELSE r.error END
			FROM found WHERE r.id = found.id RETURNING ` + runColumns + `, found.abandoned, found.locked_by AS former
		), noted AS (
			INSERT INTO contrail.run_log (run, step, what, by_whom, detail)
			SELECT id, coalesce(definition[step + (state <> 'compensating')::int], ''), '` + whatTakenOver + `', $1, 'from ' || former FROM locked WHERE abandoned
		) `

	// resumeSQL relies on the unique index of keys, and waits for who changes the row.
	resumeSQL = `WITH found AS (
			SELECT r.id, r.locked_by, r.locked_until IS NOT NULL AS abandoned FROM contrail.runs AS r
			WHERE r.key = $3 AND r.args = $4::jsonb AND r.definition = $5 AND r.due_at IS NOT NULL
				AND (r.state <> 'waiting' OR r.due_at <= now() OR r.awaits <> '{}') AND ` + free + ` FOR UPDATE OF r
		)` + lockSQL + `SELECT count(*) FROM locked`

	lookSQL = `SELECT ` + runColumns + `, r.args = $2::jsonb, r.locked_by, now(),
			coalesce((SELECT l.until FROM contrail.run_leases AS l WHERE l.run = r.id AND l.token = r.token), r.locked_until)
		FROM contrail.runs AS r WHERE r.key = $1`

	valuesSQL = `SELECT v.key, v.value FROM contrail.run_values AS v WHERE v.run = (SELECT id FROM contrail.runs WHERE key = $1)`
)

// begin locks the run with that key, which it makes if there is none. The error says why the run can't be performed; one that has ended comes back
// without a lock.
func (p *performance) begin(ctx context.Context, wanted newRun) error {
	operation := func() error {
		for range 3 { // what was there may have been purged
			if made, err := p.insert(ctx, wanted); made || err != nil {
				return err
			}
			if found, err := p.resume(ctx, wanted); found || err != nil {
				return err
			}
		}
		return errors.New("it is begun and purged again and again")
	}
	if err := p.repeatedly(ctx, operation); err != nil {
		if _, known := errors.AsType[*refusedError](err); known {
			return errors.Unwrap(err)
		}
		return fmt.Errorf("begin run %s: %w", wanted.key, unmigrated(err))
	}
	return nil
}

// insert makes the run, and is its first holder.
func (p *performance) insert(ctx context.Context, wanted newRun) (made bool, err error) {
	conn, err := p.connection(ctx)
	if err != nil {
		return false, err
	}
	p.lockedAt = time.Now()
	id, err := p.runner.insert(ctx, conn, wanted, p.runner.options.Lease)
	if err != nil || id == uuid.Nil {
		return false, err
	}
	p.run = run{
		id: id, key: wanted.key, args: wanted.args, definition: wanted.definition, metadata: contrail.MetadataFrom(ctx), status: Ready, token: 1,
	}
	return true, nil
}

// insert begins a run, for whoever locks it if lease is zero. It returns [uuid.Nil] if the key is taken.
func (r *Runner) insert(ctx context.Context, db execer, wanted newRun, lease time.Duration) (uuid.UUID, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return uuid.Nil, fmt.Errorf("make an id: %w", err)
	}
	surroundings := contrail.MetadataFrom(ctx)
	metadata, err := marshal(surroundings)
	if err != nil {
		return uuid.Nil, fmt.Errorf("metadata of ctx: %w", err)
	}
	process := r.options.Process
	if lease == 0 {
		process = ""
	}
	tag, err := db.Exec(ctx, insertSQL, id, wanted.key, wanted.workflow, surroundings[contrail.KeyTenantID], string(wanted.args), wanted.definition,
		string(metadata), process, lease.Seconds())
	if err != nil || tag.RowsAffected() == 0 {
		return uuid.Nil, err
	}
	return id, nil
}

// refusedError is about the run, not the database.
type refusedError struct{ error }

func (e *refusedError) Unwrap() error { return e.error }

// resume locks the run, if it may be performed.
func (p *performance) resume(ctx context.Context, wanted newRun) (found bool, err error) {
	conn, err := p.connection(ctx)
	if err != nil {
		return false, err
	}
	p.lockedAt = time.Now()
	var locked int
	var seen sight
	batch := &pgx.Batch{}
	batch.Queue(resumeSQL, p.runner.options.Process, p.runner.options.Lease.Seconds(), wanted.key, string(wanted.args), wanted.definition)
	batch.Queue(lookSQL, wanted.key, string(wanted.args))
	batch.Queue(valuesSQL, wanted.key)
	results := conn.SendBatch(ctx, batch)
	err = results.QueryRow().Scan(&locked)
	if err == nil {
		err = p.run.scan(results.QueryRow(), &seen.sameArgs, &seen.by, &seen.now, &seen.until)
	}
	if err == nil {
		rows, _ := results.Query()
		p.state.kept, err = collectValues(rows)
	}
	closed := results.Close()
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return false, nil
	case err != nil:
		return false, err
	case closed != nil:
		return false, closed //nolint:wrapcheck // the caller does
	}
	if locked == 0 {
		if refusal := p.run.refuse(wanted, seen); refusal != nil {
			return true, &refusedError{refusal}
		}
	}
	return true, nil
}

// sight is what was found beside a run.
type sight struct {
	sameArgs bool
	by       string
	now      time.Time
	until    *time.Time
}

// refuse tells why a run was not locked, or nil if it has ended.
func (r *run) refuse(wanted newRun, seen sight) error {
	left := func(until *time.Time) (time.Time, time.Duration) {
		if until == nil {
			return seen.now, 0
		}
		return *until, max(until.Sub(seen.now), 0)
	}
	if err := r.differs(wanted, seen.sameArgs); err != nil {
		return err
	}
	switch {
	case r.status.Ended():
		return nil
	case r.status == Halted:
		return r.halted()
	case seen.until != nil:
		until, delay := left(seen.until)
		return &LockedError{Run: r.key, By: seen.by, Until: until, left: delay}
	}
	until, delay := left(r.due)
	return r.waiting(until, delay)
}

func collectValues(rows pgx.Rows) (map[string]json.RawMessage, error) {
	values := map[string]json.RawMessage{}
	var key string
	var value json.RawMessage
	_, err := pgx.ForEachRow(rows, []any{&key, &value}, func() error {
		values[key] = slices.Clone(value)
		return nil
	})
	return values, err //nolint:wrapcheck // the callers do
}
