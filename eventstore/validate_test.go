package eventstore_test

import (
	"flag"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/pgtest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// schema.txt is what Validate compares with: with -update, it is written as the migrations are now.
func TestSchemaFile(t *testing.T) {
	t.Parallel()
	text, err := eventstore.DescribeSchema(t.Context(), pgtest.New(t))
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile("schema.txt", []byte(text), 0o644))
		return
	}
	golden, err := os.ReadFile("schema.txt")
	require.NoError(t, err)
	require.Equal(t, string(golden), text, "run `go test ./eventstore -run TestSchemaFile -update`")
}

func TestValidateWhatWasJustMigrated(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	_, err := appendNow(t.Context(), pool, invoice42, eventstore.NoStream, happened("A"))
	require.NoError(t, err)
	differences, err := eventstore.Validate(t.Context(), pool)
	require.NoError(t, err)
	require.Empty(t, differences)
}

// Each fault is found, is the only one that is found, and is named.
func TestValidateFindsDrift(t *testing.T) {
	t.Parallel()
	for change, want := range map[string]string{
		`DROP TRIGGER events_promise ON contrail.events`:                                                                                 `trigger events.events_promise is missing: CREATE TRIGGER`,
		`ALTER TABLE contrail.events DISABLE TRIGGER events_promise`:                                                                     `trigger events.events_promise is .*, DISABLED; it was .*, enabled ALWAYS`,
		`ALTER TABLE contrail.events ENABLE TRIGGER events_append_only`:                                                                  `trigger events.events_append_only is .*, enabled; it was .*, enabled ALWAYS`,
		`ALTER TABLE contrail.events ENABLE REPLICA TRIGGER events_append_only`:                                                          `trigger events.events_append_only is .*, enabled on a REPLICA only; it was`,
		`CREATE OR REPLACE TRIGGER events_promise BEFORE INSERT ON contrail.events FOR EACH ROW EXECUTE FUNCTION contrail.promise()`:     `trigger events.events_promise is .* FOR EACH ROW .*; it was .* FOR EACH STATEMENT`,
		`CREATE TRIGGER mine BEFORE INSERT ON contrail.events FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`:        `trigger events.mine is not Contrail's: CREATE TRIGGER mine BEFORE`,
		`CREATE TRIGGER "my AFTER " BEFORE INSERT ON contrail.events FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`: `trigger events.my AFTER  is not Contrail's: CREATE TRIGGER "my AFTER " BEFORE`,
		`CREATE RULE mine AS ON INSERT TO contrail.events DO INSTEAD NOTHING`:                                                            `rule events.mine is not Contrail's: CREATE RULE`,
		`CREATE OR REPLACE FUNCTION contrail.horizon() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN contrail.last_position(); END'`:  `function horizon\(\) is .*; it was`,
		`ALTER FUNCTION contrail.promise() IMMUTABLE`:                                                                                    `function promise\(\) is .* IMMUTABLE .*; it was .* STABLE`,
		`ALTER FUNCTION contrail.append(text, bigint, jsonb) SECURITY DEFINER`:                                                           `function append\(text, bigint, jsonb\) is .* SECURITY DEFINER`,
		`ALTER FUNCTION contrail.horizon() SET search_path = public`:                                                                     `function horizon\(\) is .* SET search_path=public`,
		`DROP FUNCTION contrail.leader(text)`:                                                                                            `function leader\(text\) is missing`,
		`ALTER TABLE contrail.events DROP CONSTRAINT events_stream_valid`:                                                                `constraint events.events_stream_valid is missing: CHECK`,
		`ALTER TABLE contrail.events ADD CHECK (version < 10)`:                                                                           `constraint events.events_version_check1 is not Contrail's`,
		`ALTER TABLE contrail.events DROP CONSTRAINT events_type_valid, ADD CONSTRAINT events_type_valid CHECK (true)`:                   `constraint events.events_type_valid is CHECK \(true\); it was`,
		`ALTER TABLE contrail.events DROP CONSTRAINT events_type_valid, ADD CONSTRAINT events_type_valid CHECK (octet_length(type) <= 100 AND type COLLATE "C" ~ '^[A-Za-z][A-Za-z0-9_]*$') NOT VALID`: `constraint events.events_type_valid is .* NOT VALID; it was`,
		`DROP INDEX contrail.events_category_idx`:                                                            `index events.events_category_idx is missing: CREATE INDEX`,
		`CREATE UNIQUE INDEX mine ON contrail.events (recorded_at)`:                                          `index events.mine is not Contrail's: CREATE UNIQUE INDEX`,
		`UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'contrail.events_category_idx'::regclass`: `index events.events_category_idx is .*, INVALID; it was`,
		`ALTER TABLE contrail.events ALTER recorded_at DROP DEFAULT`:                                         `column events.recorded_at is timestamp with time zone NOT NULL; it was .* DEFAULT clock_timestamp\(\)`,
		`ALTER TABLE contrail.events ALTER data DROP NOT NULL`:                                               `column events.data is jsonb; it was jsonb NOT NULL`,
		`ALTER TABLE contrail.relays ALTER lost TYPE numeric`:                                                `column relays.lost is numeric NOT NULL .*; it was bigint`,
		`ALTER TABLE contrail.events ALTER position SET GENERATED BY DEFAULT`:                                `column events.position is .* BY DEFAULT AS IDENTITY; it was .* ALWAYS AS IDENTITY`,
		`ALTER TABLE contrail.relays ALTER stream TYPE text COLLATE "C"`:                                     `column relays.stream is text COLLATE "C" NOT NULL; it was`,
		`ALTER TABLE contrail.relays DROP COLUMN lost`:                                                       `column relays.lost is missing: bigint NOT NULL`,
		`ALTER TABLE contrail.inbox ADD mine text NOT NULL`:                                                  `column inbox.mine is not Contrail's: text NOT NULL`,
		`DROP TABLE contrail.inbox`:                                                                          `table inbox is missing: ordinary, logged`,
		`ALTER TABLE contrail.relays SET UNLOGGED`:                                                           `table relays is ordinary, UNLOGGED; it was ordinary, logged`,
		`ALTER TABLE contrail.events ENABLE ROW LEVEL SECURITY`:                                              `table events is .*, ROW LEVEL SECURITY; it was`,
		`CREATE TABLE public.mine () INHERITS (contrail.events)`:                                             `table events is .*, inherited by public.mine; it was`,
		`ALTER SEQUENCE contrail.events_position_seq CACHE 10`:                                               `sequence events_position_seq is .* CACHE 10 .*; it was .* CACHE 1 `,
		`ALTER SEQUENCE contrail.events_position_seq INCREMENT 2`:                                            `sequence events_position_seq is .* INCREMENT 2 `,
		`ALTER SEQUENCE contrail.events_position_seq CYCLE`:                                                  `sequence events_position_seq is .* CYCLE; it was .* NO CYCLE`,
		`ALTER SEQUENCE contrail.events_position_seq RESTART`:                                                `last position is 0, below the newest event, 1; it was at or above`,
		`DELETE FROM contrail.store`:                                                                         `rows store is 0; it was 1`,
		`ALTER TABLE contrail.events RENAME TO elsewhere`:                                                    `last position is can't be read: .* does not exist; it was`,
		`DELETE FROM contrail.migrations WHERE version_id = 3`:                                               `migration 3 is missing: applied`,
		`INSERT INTO contrail.migrations (version_id, is_applied) VALUES (3, true)`:                          `migration 3 is applied 2 times; it was applied`,
	} {
		t.Run(change, func(t *testing.T) {
			t.Parallel()
			pool := drifted(t, change)
			differences, err := eventstore.Validate(t.Context(), pool)
			require.ErrorIs(t, err, eventstore.ErrDrift)
			require.Regexp(t, want, err.Error())
			if strings.Contains(change, "RENAME") {
				return // which is much
			}
			require.Len(t, differences, 1)
			require.Regexp(t, "^"+want, differences[0].String())
			require.False(t, differences[0].Harmless)
		})
	}
}

// What a user may add is told, and is no fault.
func TestValidateBearsAdditions(t *testing.T) {
	t.Parallel()
	for change, want := range map[string]string{
		`CREATE INDEX mine ON contrail.events ((data->>'customer'))`:                                                                 `index events.mine`,
		`CREATE TRIGGER mine AFTER INSERT ON contrail.events FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`:     `trigger events.mine`,
		`CREATE TRIGGER "my own" AFTER INSERT ON contrail.events FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`: `trigger events.my own`,
		`ALTER TABLE contrail.events ADD mine text`:                                                                                  `column events.mine`,
		`CREATE TABLE contrail.mine (id int PRIMARY KEY)`:                                                                            `table mine`,
		`CREATE VIEW contrail.mine AS SELECT * FROM contrail.events`:                                                                 `table mine`,
		`CREATE FUNCTION contrail.mine(int) RETURNS int LANGUAGE sql AS 'SELECT $1'`:                                                 `function mine(integer)`,
		`CREATE SEQUENCE contrail.mine`:                                                                                              `sequence mine`,
		`ALTER TABLE contrail.events SET (autovacuum_vacuum_insert_scale_factor = 0.01)`:                                             ``,
		`ALTER INDEX contrail.events_category_idx SET (fillfactor = 80)`:                                                             ``,
		`ALTER TABLE contrail.events ALTER data SET STORAGE EXTERNAL; ANALYZE contrail.events`:                                       ``,
		`ALTER SEQUENCE contrail.events_position_seq RESTART WITH 1000`:                                                              ``,
		`ALTER ROLE CURRENT_USER IN DATABASE ` + "%s" + ` SET search_path = contrail, public`:                                        ``,
		`ALTER DATABASE ` + "%s" + ` SET default_transaction_isolation = 'serializable'`:                                             ``,
		`ALTER DATABASE ` + "%s" + ` SET timezone = 'Asia/Kolkata'`:                                                                  ``,
		`ALTER DATABASE ` + "%s" + ` SET quote_all_identifiers = on`:                                                                 ``,
		`ALTER DATABASE ` + "%s" + ` SET datestyle = 'German'`:                                                                       ``,
	} {
		t.Run(change, func(t *testing.T) {
			t.Parallel()
			pool := drifted(t, change)
			differences, err := eventstore.Validate(t.Context(), pool)
			require.NoError(t, err)
			if want == "" {
				require.Empty(t, differences)
				return
			}
			require.Len(t, differences, 1)
			require.Equal(t, want, differences[0].Object)
			require.True(t, differences[0].Harmless)
			require.Contains(t, differences[0].String(), want+" is not Contrail's: ")
		})
	}
}

// drifted is a database with an event, in which a statement was run that Contrail knows nothing of.
func drifted(tb testing.TB, change string) *pgxpool.Pool {
	tb.Helper()
	pool := pgtest.New(tb)
	_, err := appendNow(tb.Context(), pool, invoice42, eventstore.NoStream, happened("A"))
	require.NoError(tb, err)
	_, err = pool.Exec(tb.Context(), strings.Replace(change, "%s", pool.Config().ConnConfig.Database, 1))
	require.NoError(tb, err)
	pool.Reset() // settings of roles and databases hold for new sessions
	return pool
}

func TestValidateAnUnmigratedDatabase(t *testing.T) {
	t.Parallel()
	_, err := eventstore.Validate(t.Context(), emptyPool(t))
	require.ErrorIs(t, err, eventstore.ErrNotMigrated)
	_, err = eventstore.Validate(t.Context(), drifted(t, `INSERT INTO contrail.migrations (version_id, is_applied) VALUES (999, true)`))
	require.ErrorIs(t, err, eventstore.ErrMigratedByNewer)
}

// A migration under way is neither drift nor an error: Validate sees what was before it or what is after it.
func TestValidateBesideMigrations(t *testing.T) {
	t.Parallel()
	pool := emptyPool(t)
	var processes sync.WaitGroup
	for number := range 8 {
		processes.Go(func() {
			for range 3 {
				var err error
				switch number % 4 {
				case 0:
					_, err = eventstore.MigrateDown(t.Context(), pool, int64(1+number))
				case 1:
					_, err = eventstore.Migrate(t.Context(), pool)
				default:
					_, err = eventstore.Validate(t.Context(), pool)
				}
				if number%4 != 1 && isNotMigrated(err) {
					err = nil
				}
				if err != nil {
					t.Errorf("process %d: %v", number, err)
				}
			}
		})
	}
	processes.Wait()
	_, err := eventstore.Migrate(t.Context(), pool)
	require.NoError(t, err)
	_, err = eventstore.Validate(t.Context(), pool)
	require.NoError(t, err)
}
