package doctor_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/doctor"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/pgtest"
)

func sickDatabases() []sick {
	return []sick{
		{"database", doctor.Danger, "connection refused", func(w *world) { w.pool, w.config.NoDatabase = nil, errors.New("connection refused") }},
		{"database", doctor.Danger, "PostgreSQL can't be used: closed pool", func(w *world) {
			w.reconnect(func(*pgxpool.Config) {})
			w.pool.Close()
		}},
		{"standby", doctor.Danger, "transactions only read", func(w *world) { w.setting("default_transaction_read_only", "on") }},
		{"standby", doctor.Danger, "this PostgreSQL is a standby", func(w *world) { w.standby() }},
		{"durability", doctor.Warning, "synchronous_commit is off", func(w *world) { w.setting("synchronous_commit", "off") }},
		{"durability", doctor.Warning, "default_transaction_isolation is serializable", func(w *world) { w.setting("default_transaction_isolation", "serializable") }},
		{"durability", doctor.Danger, "fsync is off", func(w *world) { w.cluster() }},
		{"migrations", doctor.Danger, "tables are not there", func(w *world) { w.unmigrated() }},
		{"migrations", doctor.Danger, "by a newer version", func(w *world) { w.exec(`INSERT INTO contrail.migrations (version_id, is_applied) VALUES (999, true)`) }},
		{"migrations", doctor.Danger, "of an older version", func(w *world) {
			w.exec(`DELETE FROM contrail.migrations WHERE version_id = (SELECT max(version_id) FROM contrail.migrations)`)
		}},
		{"connections", doctor.Warning, "connections are in use", func(w *world) { w.config.Limits.Full = 0.0001 }},
		{"timeouts", doctor.Note, "no idle_in_transaction_session_timeout for doctor_", func(w *world) { w.role("LOGIN", "INSERT ON contrail.events") }},
		{"privileges", doctor.Danger, "may append, but lacks SELECT contrail.events", func(w *world) { w.setting("role", w.role("NOLOGIN", "INSERT ON contrail.events")) }},
		{"privileges", doctor.Warning, "role contrail_append may append, but lacks SELECT contrail.store", func(w *world) {
			require.NoError(w, eventstore.GrantRoles(w.Context(), w.pool))
			w.exec(`REVOKE SELECT ON contrail.store FROM contrail_append`)
		}},
		{"privileges", doctor.Note, "may neither append nor relay nor consume", func(w *world) { w.setting("role", w.role("NOLOGIN", "SELECT ON contrail.store")) }},
		{"pooling", doctor.Warning, "a proxy that pools transactions", func(w *world) { w.pooled() }},
		{"pooling", doctor.Note, "a proxy that pools transactions", func(w *world) {
			w.told("here:1", "0", `{"wake":"poll interval is 1s"}`)
			w.pooled()
		}},
		{"vacuum", doctor.Warning, "autovacuum is off for contrail.relays", func(w *world) { w.exec(`ALTER TABLE contrail.relays SET (autovacuum_enabled = off)`) }},
		{"vacuum", doctor.Warning, "has a transaction open", func(w *world) { w.snapshot() }},
		{"vacuum", doctor.Warning, "contrail.inbox has 1000 dead rows", func(w *world) { w.bloat() }},
		{"database-disk", doctor.Danger, "the database has", func(w *world) { w.config.Limits.DatabaseBytes = 1 }},
		{"database-disk", doctor.Warning, "of write-ahead log that nobody reads", func(w *world) { w.slot() }},
		{"database-clock", doctor.Danger, "ahead of that of this machine", func(w *world) { w.skew() }},
		{"database-clock", doctor.Danger, "behind that of this machine", func(w *world) { w.config.Now = inAnHour }},
		{"database-clock", doctor.Warning, "behind that of this machine", func(w *world) {
			w.config.Now, w.config.Limits.Skew = inAnHour, 59*time.Minute
		}},
	}
}

func inAnHour() time.Time { return time.Now().Add(time.Hour) }

// cluster is a server that is fast and not durable.
func (w *world) cluster() {
	w.Helper()
	pool, err := pgxpool.New(w.Context(), pgtest.Server(w.T, localstack.PostgresConfig{}).URL())
	require.NoError(w, err)
	w.Cleanup(pool.Close)
	w.pool = pool
}

// standby is a server that waits for what a primary has written.
func (w *world) standby() {
	w.Helper()
	server := pgtest.Server(w.T, localstack.PostgresConfig{})
	pool, err := pgxpool.New(w.Context(), server.URL())
	require.NoError(w, err)
	w.Cleanup(pool.Close)
	var folder string
	require.NoError(w, pool.QueryRow(w.Context(), `SHOW data_directory`).Scan(&folder))
	require.NoError(w, server.Stop())
	require.NoError(w, os.WriteFile(filepath.Join(folder, "standby.signal"), nil, 0o600))
	require.NoError(w, server.Restart(w.Context()))
	pool.Reset()
	w.pool = pool
}

func (w *world) unmigrated() {
	w.Helper()
	pool, err := pgxpool.New(w.Context(), pgtest.Empty(w.T))
	require.NoError(w, err)
	w.Cleanup(pool.Close)
	w.pool = pool
}

// role is one for the length of the test, with one right on the schema.
func (w *world) role(may, right string) string {
	w.Helper()
	name := "doctor_" + strings.ToLower(rand.Text()[:12])
	pool := w.pool
	w.exec(`CREATE ROLE `+name+` `+may, `GRANT USAGE ON SCHEMA contrail TO `+name, `GRANT `+right+` TO `+name)
	w.Cleanup(func() {
		ctx := context.WithoutCancel(w.Context())
		_, err := pool.Exec(ctx, `DROP OWNED BY `+name)
		require.NoError(w, err)
		_, err = pool.Exec(ctx, `DROP ROLE `+name)
		require.NoError(w, err)
	})
	return name
}

// pooled has the database examined through a proxy with two connections.
func (w *world) pooled() {
	w.Helper()
	config, err := pgxpool.ParseConfig(pgtest.Pooler(w.T, w.pool.Config().ConnString(), 2))
	require.NoError(w, err)
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	pool, err := pgxpool.NewWithConfig(w.Context(), config)
	require.NoError(w, err)
	w.Cleanup(pool.Close)
	w.pool = pool
}

// snapshot leaves a transaction open that has one.
func (w *world) snapshot() {
	w.Helper()
	w.config.Limits.Snapshot = 1
	tx, err := w.pool.BeginTx(w.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	require.NoError(w, err)
	w.Cleanup(func() { require.NoError(w, tx.Rollback(context.WithoutCancel(w.Context()))) })
	_, err = tx.Exec(w.Context(), `SELECT count(*) FROM contrail.store`)
	require.NoError(w, err)
}

// bloat leaves rows dead, and waits until the statistics tell.
func (w *world) bloat() {
	w.Helper()
	w.config.Limits.DeadRows = 100
	w.exec(`ALTER TABLE contrail.inbox SET (autovacuum_enabled = off)`,
		`INSERT INTO contrail.inbox (consumer, position) SELECT 'x', n FROM generate_series(1, 1000) n`, `DELETE FROM contrail.inbox`)
	require.Eventually(w, func() bool {
		var dead int
		err := w.pool.QueryRow(w.Context(), `SELECT n_dead_tup FROM pg_stat_all_tables WHERE relid = 'contrail.inbox'::regclass`).Scan(&dead)
		return err == nil && dead == 1000
	}, patience, 50*time.Millisecond)
}

// slot is a replication slot that keeps a little of the log.
func (w *world) slot() {
	w.Helper()
	name := "doctor_" + strings.ToLower(rand.Text()[:12])
	w.config.Limits.RetainedBytes = 1
	w.exec(`SELECT pg_create_physical_replication_slot('`+name+`', true)`, insertEvent)
	pool := w.pool
	w.Cleanup(func() {
		_, err := pool.Exec(context.WithoutCancel(w.Context()), `SELECT pg_drop_replication_slot($1)`, name)
		require.NoError(w, err)
	})
}

// skew puts the database's clock an hour ahead, for whoever asks for the time from now on.
func (w *world) skew() {
	w.Helper()
	w.exec(`CREATE SCHEMA skewed`, `CREATE FUNCTION skewed.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS
		'SELECT pg_catalog.clock_timestamp() + interval ''1 hour'''`)
	w.setting("search_path", "skewed, pg_catalog, public")
}
