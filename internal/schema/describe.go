package schema

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

//go:embed describe.sql
var describeSQL string

// oneForm makes definitions look the same whatever a user, a database or a server has been set to.
const oneForm = `SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, MDY'; SET LOCAL intervalstyle = 'postgres'; SET LOCAL bytea_output = 'hex';
SET LOCAL extra_float_digits = 1; SET LOCAL quote_all_identifiers = off; SET LOCAL standard_conforming_strings = on`

// Object is one thing in a schema. Its definition is one line, the same on every version of PostgreSQL.
type Object struct {
	Name       string // as in "trigger events.events_promise": the kind, and for what belongs to a table the table, too
	Definition string
}

// Probe is a fact about rows that must hold in a schema: a query that returns one text.
type Probe struct {
	Name, Query string
}

// Describe returns the objects of the schema, the applied migrations and the probes, sorted by name. It does so in a transaction of
// [Locked], so that no migration is half done and names are resolved in one way.
func (s Schema) Describe(ctx context.Context, tx pgx.Tx, probes ...Probe) ([]Object, error) {
	if _, err := tx.Exec(ctx, oneForm); err != nil {
		return nil, fmt.Errorf("describe the schema %s: %w", s.Name, err)
	}
	rows, _ := tx.Query(ctx, describeSQL, s.Name)
	objects, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Object])
	if err != nil {
		return nil, fmt.Errorf("describe the schema %s: %w", s.Name, err)
	}
	rows, _ = tx.Query(ctx, `SELECT 'migration ' || version_id, CASE count(*) WHEN 1 THEN 'applied' ELSE 'applied ' || count(*) || ' times' END
		FROM `+pgx.Identifier{s.Name, "migrations"}.Sanitize()+` WHERE is_applied AND version_id > 0 GROUP BY version_id`)
	applied, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Object])
	if err != nil {
		return nil, fmt.Errorf("read the migrations of the schema %s: %w", s.Name, err)
	}
	objects = append(objects, applied...)
	for _, probe := range probes {
		object, err := probe.ask(ctx, tx)
		if err != nil {
			return nil, fmt.Errorf("examine %s: %w", probe.Name, err)
		}
		objects = append(objects, object)
	}
	slices.SortFunc(objects, Object.compare)
	return objects, nil
}

// ask runs the query in a savepoint: in a schema that has drifted it may ask for what is not there.
func (p Probe) ask(ctx context.Context, tx pgx.Tx) (Object, error) {
	object := Object{Name: p.Name}
	err := pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
		return savepoint.QueryRow(ctx, p.Query).Scan(&object.Definition)
	})
	if refusal, ok := errors.AsType[*pgconn.PgError](err); ok && refusal.Code != "42501" { // insufficient_privilege is the caller's
		object.Definition, err = "can't be read: "+refusal.Message, nil
	}
	return object, err
}
