package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/contrail-events/contrail/internal/sanitize"
)

// DB asks the database: a pool, a connection or a transaction of pgx.
type DB interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Log is the audit log of a database. Its methods may be called from several goroutines if the DB's may.
type Log struct{ db DB }

// New returns the log of a database that has Contrail's tables. It does no I/O.
func New(db DB) *Log { return &Log{db} }

const (
	// Locks nothing but the new row.
	beginSQL = `INSERT INTO contrail.audit (who, role, address, action, target, reason, form) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id`

	// Locks the one row, by primary key. What is pending gives way to what is told of the same thing later, so that a row does not grow for as long as an
	// action goes on.
	tellSQL = `UPDATE contrail.audit SET results = (
	SELECT coalesce(jsonb_agg(one ORDER BY n), '[]') FROM jsonb_array_elements(results) WITH ORDINALITY AS told (one, n)
	WHERE one->>'outcome' <> 'pending' OR one->>'what' NOT IN (SELECT new->>'what' FROM jsonb_array_elements($2::jsonb) AS told (new))
) || $2::jsonb WHERE id = $1 AND ended_at IS NULL`

	// Locks the one row, by primary key. What has ended stays as it has ended.
	endSQL = `UPDATE contrail.audit SET ended_at = clock_timestamp(), outcome = $2, results = $3, error = $4 WHERE id = $1 AND ended_at IS NULL`
)

// Begin writes down that an action is about to be done, and returns the id of its entry. Unless it returns nil as error the action must not be done.
func (l *Log) Begin(ctx context.Context, action Action) (int64, error) {
	if action.Who == "" || action.Action == "" {
		return 0, errors.New("begin in the audit log: Who and Action are required")
	}
	form := make(map[string]string, len(action.Form))
	for field, value := range action.Form {
		form[tidy(field)] = tidy(value)
	}
	var id int64
	err := l.db.QueryRow(ctx, beginSQL, tidy(action.Who), action.Role, action.Address, action.Action, tidy(action.Target),
		tidy(action.Reason), form).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("write %s of %s into the audit log: %w", action.Action, action.Who, err)
	}
	return id, nil
}

// Tell adds results to an entry whose action goes on, for those who watch it; one of the same thing that was pending is replaced. [Log.End] replaces them by
// all results.
func (l *Log) Tell(ctx context.Context, id int64, results ...Result) error {
	if len(results) == 0 {
		return nil
	}
	if _, err := l.db.Exec(ctx, tellSQL, id, clean(results)); err != nil {
		return fmt.Errorf("write progress into entry %d of the audit log: %w", id, err)
	}
	return nil
}

// End completes the entry of an action that has ended, with or without an error, and returns its outcome as [Judge] has it. Of more than [MostResults] results the
// entry keeps so many, those first that are not Done, and counts the others. An entry that has ended already is left as it is.
func (l *Log) End(ctx context.Context, id int64, results []Result, failure error) (Outcome, error) {
	outcome, text := Judge(results, failure), ""
	if failure != nil {
		text = tidy(failure.Error())
	}
	if _, err := l.db.Exec(ctx, endSQL, id, outcome, clean(bounded(results)), text); err != nil {
		return outcome, fmt.Errorf("complete entry %d of the audit log: %w", id, err)
	}
	return outcome, nil
}

// clean makes results such that the database takes them: what they say may come from an event.
func clean(results []Result) []Result {
	cleaned := make([]Result, len(results)) // an empty array, not null
	for i, result := range results {
		cleaned[i] = Result{tidy(result.What), result.Outcome, tidy(result.Detail)}
	}
	return cleaned
}

// tidy is a text that the database takes, of bounded length, with what looks like a secret masked.
func tidy(text string) string { return sanitize.Text(text, sanitize.Limit) }
