package eventstore_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// What section 2 of the design fixes, since other programs rely on it.
func TestTableIsTheContract(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	rows, err := pool.Query(t.Context(), `SELECT column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, identity_generation, '-')
		FROM information_schema.columns WHERE table_schema = 'contrail' AND table_name = 'events' ORDER BY ordinal_position`)
	require.NoError(t, err)
	columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Equal(t, []string{
		"position bigint NO ALWAYS",
		"id uuid NO gen_random_uuid()",
		"stream text NO -",
		"version bigint NO -",
		"type text NO -",
		"data jsonb NO -",
		"metadata jsonb NO '{}'::jsonb",
		"recorded_at timestamp with time zone NO clock_timestamp()",
	}, columns)
	_, err = pool.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data) VALUES ('invoice-42', 1, 'InvoiceDrafted', '{}')`)
	require.NoError(t, err)
}

func TestTableRefusesChanges(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	const insert = `INSERT INTO contrail.events (stream, version, type, data) VALUES ('a-1', 1, 'A', '{}')`
	_, err := pool.Exec(t.Context(), insert)
	require.NoError(t, err)
	for _, change := range []string{
		`UPDATE contrail.events SET type = 'B'`,
		`DELETE FROM contrail.events`,
		`TRUNCATE contrail.events`,
		`TRUNCATE contrail.events CASCADE`,
		insert + ` ON CONFLICT (stream, version) DO UPDATE SET type = 'B'`,
		`SET session_replication_role = replica; DELETE FROM contrail.events; RESET session_replication_role`,
	} {
		_, err := pool.Exec(t.Context(), change, pgx.QueryExecModeSimpleProtocol)
		require.ErrorContains(t, err, "append-only", change)
	}
}

func TestTableRefusesWhatCouldNotBePublished(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	for constraint, values := range map[string][]string{
		"events_stream_valid": {
			`('noid', 1, 'A', '{}', '{}')`, `('-1', 1, 'A', '{}', '{}')`, `('a-', 1, 'A', '{}', '{}')`, `('a.b-1', 1, 'A', '{}', '{}')`,
			`('a-b c', 1, 'A', '{}', '{}')`, `('a-*', 1, 'A', '{}', '{}')`, `('a-' || repeat('é', 100), 1, 'A', '{}', '{}')`,
			`(E'a-1\n', 1, 'A', '{}', '{}')`,
		},
		"events_type_valid": {
			`('a-1', 1, '', '{}', '{}')`, `('a-1', 1, '1A', '{}', '{}')`, `('a-1', 1, 'A.B', '{}', '{}')`, `('a-1', 1, 'É', '{}', '{}')`,
			`('a-1', 1, repeat('A', 101), '{}', '{}')`, `('a-1', 1, E'A\n', '{}', '{}')`,
		},
		"events_metadata_valid": {
			`('a-1', 1, 'A', '{}', '[]')`, `('a-1', 1, 'A', '{}', 'null')`, `('a-1', 1, 'A', '{}', '{"a": 1}')`, `('a-1', 1, 'A', '{}', '{"A": "x"}')`,
			`('a-1', 1, 'A', '{}', '{"": "x"}')`, `('a-1', 1, 'A', '{}', '{"type": "x"}')`, `('a-1', 1, 'A', '{}', '{"a_b": "x", "ab": "y"}')`,
			`('a-1', 1, 'A', '{}', '{"data_content_type": "x"}')`,
		},
		"events_recorded_at_valid": {`('a-1', 1, 'A', '{}', '{}', 'infinity')`, `('a-1', 1, 'A', '{}', '{}', '12000-01-01')`, `('a-1', 1, 'A', '{}', '{}', '0044-01-01 BC')`},
		"events_version_check":     {`('a-1', 0, 'A', '{}', '{}')`},
	} {
		for _, value := range values {
			columns := `stream, version, type, data, metadata`
			if constraint == "events_recorded_at_valid" {
				columns += `, recorded_at`
			}
			_, err := pool.Exec(t.Context(), `INSERT INTO contrail.events (`+columns+`) VALUES `+value)
			var pgErr *pgconn.PgError
			require.ErrorAs(t, err, &pgErr, value)
			require.Equal(t, constraint, pgErr.ConstraintName, value)
		}
	}
}

// Go and SQL draw the same line through all of Unicode: what one takes, the other takes.
func TestStreamIDsAreTheSameInGoAndSQL(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	var check string
	require.NoError(t, pool.QueryRow(t.Context(),
		`SELECT substring(pg_get_constraintdef(oid) FROM 'CHECK \((.*)\)$') FROM pg_constraint WHERE conname = 'events_stream_valid'`).Scan(&check))
	rows, err := pool.Query(t.Context(), `SELECT point, `+check+` FROM (
		SELECT point, 'a-x' || chr(point) AS stream FROM generate_series(1, 1114111) point WHERE point NOT BETWEEN 55296 AND 57343) points`)
	require.NoError(t, err)
	defer rows.Close()
	points := 0
	for rows.Next() {
		var point int32
		var takes bool
		require.NoError(t, rows.Scan(&point, &takes))
		err := contrail.NewStreamID("a", "x"+string(point)).Validate()
		require.Equal(t, takes, err == nil, "code point %U: SQL and Go differ: %v", point, err)
		points++
	}
	require.NoError(t, rows.Err())
	require.EqualValues(t, utf8.MaxRune-2048, points)
}

// The two lists of reserved attributes are one.
func TestMetadataKeysAreTheSameInGoAndSQL(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	for key := range strings.FieldsSeq(`a a1 a_b _a A ä specversion spec_version id source type subject time datacontenttype dataschema
		data data_base64 partitionkey partition_key sequence streamversion tenant_id correlation_id traceparent`) {
		var takes bool
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT contrail.is_metadata(jsonb_build_object($1::text, 'x'))`, key).Scan(&takes))
		require.Equal(t, takes, contrail.Metadata{key: "x"}.Validate() == nil, key)
	}
}
