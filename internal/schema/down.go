package schema

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// prepareDown comes before the migrations' own statements. To drop a table they call drop_empty, which refuses one with rows; nobody else
// ever sees that function. And they don't wait for a table that a long transaction uses: appends would queue behind them.
const prepareDown = `SET LOCAL lock_timeout = '5s';
CREATE FUNCTION %[1]s.drop_empty(doomed regclass) RETURNS void LANGUAGE plpgsql AS $function$
DECLARE
  n bigint;
BEGIN
  EXECUTE format('LOCK TABLE %%s', doomed);
  EXECUTE format('SELECT count(*) FROM %%s', doomed) INTO n;
  IF n > 0 THEN
    RAISE EXCEPTION '%% holds %% %%', doomed, n, CASE n WHEN 1 THEN 'row' ELSE 'rows' END USING ERRCODE = 'restrict_violation';
  END IF;
  EXECUTE format('DROP TABLE %%s', doomed);
END $function$`

const finishDown = `DROP FUNCTION %[1]s.drop_empty(regclass)`

// Down takes the schema back to version to and returns the names of the migrations that it undid, the newest first. All is done in one
// transaction, or nothing. A schema that is there, or below, is left as it is. Several processes may call it, and Migrate, at once.
//
// Only what can be made again is dropped: a table with rows that would be lost is ErrNotEmpty, which names it. ErrNoSuchVersion comes back
// for a version that no migration makes, ErrNotMigrated and ErrMigratedByNewer for a schema that this program can't take back.
func (s Schema) Down(ctx context.Context, pool *pgxpool.Pool, to int64) ([]string, error) {
	if err := s.known(to); err != nil {
		return nil, err
	}
	var undone []string
	err := Locked(ctx, pool, Exclusive, func(tx pgx.Tx) (err error) {
		undone, err = s.down(ctx, tx, to)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("migrate down: to version %d: %w", to, explain(err))
	}
	return undone, nil
}

func (s Schema) down(ctx context.Context, tx pgx.Tx, to int64) ([]string, error) {
	version, err := s.version(ctx, tx)
	if err != nil || version <= to {
		return nil, err
	}
	name := pgx.Identifier{s.Name}.Sanitize()
	if _, err := tx.Exec(ctx, fmt.Sprintf(prepareDown, name)); err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	undone := s.names()[to:version]
	slices.Reverse(undone)
	for _, file := range undone {
		statements, err := s.downSection(file)
		if err != nil {
			return nil, err
		}
		if _, err := tx.Exec(ctx, statements); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	if _, err := tx.Exec(ctx, fmt.Sprintf(finishDown, name)); err != nil {
		return nil, fmt.Errorf("finish: %w", err)
	}
	if _, err := tx.Exec(ctx, `DELETE FROM `+pgx.Identifier{s.Name, "migrations"}.Sanitize()+` WHERE version_id > $1`, to); err != nil {
		return nil, fmt.Errorf("write the version: %w", err)
	}
	return undone, nil
}

// downSection is what a migration's file has below its last annotation but those of single statements, which are comments to PostgreSQL.
func (s Schema) downSection(file string) (string, error) {
	text, err := fs.ReadFile(s.Files, "migrations/"+file)
	if err != nil {
		return "", fmt.Errorf("read the migration: %w", err)
	}
	_, statements, found := strings.Cut(string(text), "\n-- +goose Down\n")
	if !found {
		return "", fmt.Errorf("%s has no way down", file)
	}
	return statements, nil
}

// explain says what to do about what PostgreSQL refused.
func explain(err error) error {
	refusal, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case ok && refusal.Code == "23001":
		return fmt.Errorf("%w: %s; nothing was changed: save what matters, empty the table by hand, and run it again", ErrNotEmpty, refusal.Message)
	case ok && refusal.Code == "55P03":
		return fmt.Errorf("another transaction has used a table for 5 s; nothing was changed: end it and run it again: %w", err)
	}
	return err
}
