package subscribers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// shadow is the schema in which a read model is built anew.
type shadow struct {
	schema string
	tables tables // the live ones
}

const (
	shadowPrefix = "contrail_rebuild_"
	leftOutTable = "contrail_left_out" // positions of events that the relay has left out: they become the projection's gaps
)

func newShadow(projection string, live tables) shadow {
	name := shadowPrefix + projection
	if len(name) > maxName {
		sum := sha256.Sum256([]byte(projection))
		name = shadowPrefix + hex.EncodeToString(sum[:16])
	}
	return shadow{schema: name, tables: live}
}

// path is the part of a search path in which the new tables are found.
func (s shadow) path() string { return pgx.Identifier{s.schema}.Sanitize() }

// notes is the table of what is left out.
func (s shadow) notes() table { return table{s.schema, leftOutTable} }

// shapeSQL is what two tables must have in common for rows to be copied: their columns.
const shapeSQL = `SELECT coalesce(string_agg(format('%I %s %s%s', attname, format_type(atttypid, atttypmod), attgenerated, attidentity), ', ' ORDER BY attnum), '')
FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped`

// fits tells whether the shadow is there, and the live tables are still what they were when it was made.
func (s shadow) fits(ctx context.Context, tx pgx.Tx) (bool, error) {
	for _, live := range s.tables {
		var want, have string
		for name, shape := range map[table]*string{live: &want, live.in(s.schema): &have} {
			if err := tx.QueryRow(ctx, shapeSQL, name.String()).Scan(shape); err != nil {
				return false, fmt.Errorf("compare %s with the new table: %w", live, err)
			}
		}
		if want != have {
			return false, nil
		}
	}
	var noted bool
	err := tx.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, s.notes().String()).Scan(&noted)
	if err != nil {
		return false, fmt.Errorf("look for the new tables: %w", err)
	}
	return noted, nil
}

// create makes the new tables, in place of any that are there. They are written to the log like any other: a crash must not empty what has come so far.
func (s shadow) create(ctx context.Context, tx pgx.Tx) error {
	if err := s.drop(ctx, tx); err != nil {
		return err
	}
	statements := []string{`CREATE SCHEMA ` + s.path(), `CREATE TABLE ` + s.notes().String() + ` (position bigint PRIMARY KEY)`}
	for _, live := range s.tables {
		statements = append(statements, fmt.Sprintf(`CREATE TABLE %s (LIKE %s INCLUDING ALL)`, live.in(s.schema), live))
	}
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return misfit("make the new tables", err)
		}
	}
	return nil
}

// drop waits for nobody: only the rebuild uses these tables.
func (s shadow) drop(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, `DROP SCHEMA IF EXISTS `+s.path()+` CASCADE`); err != nil {
		return misfit("drop the new tables", err)
	}
	return nil
}

func (s shadow) leaveOut(ctx context.Context, tx pgx.Tx, positions []int64) error {
	if len(positions) == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, `INSERT INTO `+s.notes().String()+` SELECT unnest($1::bigint[])`, positions); err != nil {
		return fmt.Errorf("write down what is left out: %w", err)
	}
	return nil
}

// leftOut returns what was left out, in order.
func (s shadow) leftOut(ctx context.Context, tx pgx.Tx) ([]int64, error) {
	rows, _ := tx.Query(ctx, `SELECT position FROM `+s.notes().String()+` ORDER BY position`) // CollectRows returns its error
	positions, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("read what was left out: %w", err)
	}
	return positions, nil
}

// takeIn has events no longer be left out.
func (s shadow) takeIn(ctx context.Context, tx pgx.Tx, events []contrail.Delivered[json.RawMessage]) error {
	positions := make([]int64, len(events))
	for i, event := range events {
		positions[i] = int64(event.Position)
	}
	if _, err := tx.Exec(ctx, `DELETE FROM `+s.notes().String()+` WHERE position = ANY($1::bigint[])`, positions); err != nil {
		return fmt.Errorf("write down what is no longer left out: %w", err)
	}
	return nil
}

// keepGapsSQL makes gaps of what is left out.
func (s shadow) keepGapsSQL() string {
	return `INSERT INTO contrail.projection_gaps (projection, position) SELECT $1::text, position FROM ` + s.notes().String()
}

const (
	columnsSQL = `SELECT quote_ident(attname) FROM pg_attribute
		WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum`

	// Of identity columns; what is serial draws from the live sequence all along. To set the live ones takes USAGE and UPDATE on them.
	sequencesSQL = `SELECT pg_get_serial_sequence($1, attname), pg_get_serial_sequence($2, attname) FROM pg_attribute
		WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attidentity <> '' ORDER BY attnum`
)

// replace puts the new content in the place of the old. Rows are deleted and inserted, since it is rows that transactions see or don't see: TRUNCATE
// would show readers at REPEATABLE READ an empty table, and hold everybody up as renaming does, which would leave grants, views and foreign keys with the old
// tables as well. Readers wait for nothing.
func (s shadow) replace(ctx context.Context, tx pgx.Tx) error {
	statements := []string{`SET CONSTRAINTS ALL DEFERRED`}
	for _, live := range slices.Backward(s.tables) {
		statements = append(statements, `DELETE FROM `+live.String())
	}
	for _, live := range s.tables {
		copying, err := s.copying(ctx, tx, live)
		if err != nil {
			return err
		}
		statements = append(statements, copying...)
	}
	statements = append(statements, `SET CONSTRAINTS ALL IMMEDIATE`) // what is deferred is refused here, and not by the commit
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return misfit("replace the read model", err)
		}
	}
	return nil
}

// copying returns the statements that fill a live table from its new one, and have its sequences go on behind both.
func (s shadow) copying(ctx context.Context, tx pgx.Tx, live table) ([]string, error) {
	from := live.in(s.schema)
	rows, _ := tx.Query(ctx, columnsSQL, live.String()) // CollectRows returns its error
	columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read the columns of %s: %w", live, err)
	}
	list := strings.Join(columns, ", ")
	statements := []string{fmt.Sprintf(`INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s`, live, list, list, from)}
	rows, _ = tx.Query(ctx, sequencesSQL, live.String(), from.String()) // likewise
	sequences, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Live, New string }])
	if err != nil {
		return nil, fmt.Errorf("read the sequences of %s: %w", live, err)
	}
	for _, sequence := range sequences {
		statements = append(statements, fmt.Sprintf(`SELECT setval(old, ahead) FROM (SELECT %s::regclass AS old, pg_sequence_last_value(%s::regclass) AS ahead) AS sequences
			WHERE ahead > coalesce(pg_sequence_last_value(old), ahead - 1)`, literal(sequence.Live), literal(sequence.New)))
	}
	return statements, nil
}

// literal quotes a string.
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
