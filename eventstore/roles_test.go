package eventstore_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/subscribers"
)

// granted is a database with an event, in which the roles have their rights.
func granted(tb testing.TB) *pgxpool.Pool {
	tb.Helper()
	pool := pgtest.New(tb)
	require.NoError(tb, eventstore.GrantRoles(tb.Context(), pool))
	_, err := appendNow(tb.Context(), pool, invoice42, eventstore.NoStream, happened("A"))
	require.NoError(tb, err)
	return pool
}

// login connects to the same database as a user of the test's own, who is a member of the given roles and nothing else.
func login(tb testing.TB, pool *pgxpool.Pool, roles ...string) *pgxpool.Pool {
	tb.Helper()
	user, password := "login_"+strings.ToLower(rand.Text()), rand.Text()
	exec := func(ctx context.Context, statement string) {
		_, err := pool.Exec(ctx, statement)
		require.NoError(tb, err)
	}
	exec(tb.Context(), `CREATE ROLE `+user+` LOGIN PASSWORD '`+password+`'`)
	tb.Cleanup(func() {
		exec(context.Background(), `DROP OWNED BY `+user)
		exec(context.Background(), `DROP ROLE `+user)
	})
	for _, role := range roles {
		exec(tb.Context(), `GRANT `+role+` TO `+user)
	}
	config := pool.Config()
	config.ConnConfig.User, config.ConnConfig.Password = user, password
	theirs, err := pgxpool.NewWithConfig(tb.Context(), config)
	require.NoError(tb, err)
	tb.Cleanup(theirs.Close)
	var who string
	require.NoError(tb, theirs.QueryRow(tb.Context(), `SELECT session_user`).Scan(&who))
	require.Equal(tb, user, who)
	return theirs
}

// requireRefused runs statements, each of which needs a right that is not there.
func requireRefused(tb testing.TB, pool *pgxpool.Pool, statements ...string) {
	tb.Helper()
	for _, statement := range statements {
		_, err := pool.Exec(tb.Context(), statement)
		var refusal *pgconn.PgError
		require.ErrorAs(tb, err, &refusal, statement)
		require.Equal(tb, "42501", refusal.Code, "%s: %s", statement, refusal.Message)
	}
}

func TestRoleThatAppends(t *testing.T) {
	t.Parallel()
	pool := login(t, granted(t), "contrail_append")
	ctx := t.Context()
	_, err := appendNow(ctx, pool, invoice42, eventstore.Exactly(1), happened("B"), happened("C"))
	require.NoError(t, err)
	require.Len(t, load(t, pool, invoice42, 0), 3)
	require.NoError(t, eventstore.Check(ctx, pool))
	applied, err := eventstore.Migrate(ctx, pool)
	require.NoError(t, err, "a service may migrate at its start, where there is nothing to do")
	require.Empty(t, applied)
	_, err = eventstore.Validate(ctx, pool)
	require.NoError(t, err)

	for _, statement := range []string{
		`INSERT INTO contrail.keys (id, subject, wrapped) VALUES ('k', 'person', 'wrapped') ON CONFLICT DO NOTHING`,
		`SELECT wrapped FROM contrail.keys WHERE id = 'k' FOR KEY SHARE`,
		`INSERT INTO contrail.snapshots (stream, name, schema, version, event_id, state, key_ids)
			VALUES ('invoice-42', 'invoice', 1, 3, gen_random_uuid(), '{}', '{k}')
			ON CONFLICT (stream, name) DO UPDATE SET version = excluded.version`,
		`DELETE FROM contrail.snapshots`,
		`INSERT INTO contrail.imports AS i (name, digest) VALUES ('file', '') ON CONFLICT (name) DO UPDATE SET lines = excluded.lines`,
	} {
		_, err := pool.Exec(ctx, statement)
		require.NoError(t, err, statement)
	}
	requireRefused(t, pool,
		`UPDATE contrail.events SET data = '{}'`, `DELETE FROM contrail.events`, `TRUNCATE contrail.events`,
		`ALTER TABLE contrail.events DISABLE TRIGGER ALL`, `DROP TRIGGER events_promise ON contrail.events`,
		`SELECT setval('contrail.events_position_seq', 1)`, `SELECT nextval('contrail.events_position_seq')`,
		`DELETE FROM contrail.keys`, `UPDATE contrail.keys SET wrapped = ''`, `UPDATE contrail.keys SET subject = ''`, `TRUNCATE contrail.snapshots`,
		`INSERT INTO contrail.relays (stream) VALUES ('EVENTS')`, `SELECT FROM contrail.relays`, `SELECT FROM contrail.inbox`,
		`UPDATE contrail.store SET id = gen_random_uuid()`, `DELETE FROM contrail.migrations`, `CREATE TABLE contrail.mine ()`,
		`CREATE FUNCTION contrail.horizon(int) RETURNS int LANGUAGE sql AS 'SELECT 1'`,
	)
	_, err = eventstore.MigrateDown(ctx, pool, 1)
	require.Error(t, err)
	require.ErrorIs(t, eventstore.GrantRoles(ctx, pool), eventstore.ErrMayNotGrant)
}

func TestRoleThatReads(t *testing.T) {
	t.Parallel()
	owner := granted(t)
	pool := login(t, owner, "contrail_read")
	ctx := t.Context()
	require.Len(t, load(t, pool, invoice42, 0), 1)
	feed, err := eventstore.NewFeed(connect(t, pool), eventstore.FeedConfig{})
	require.NoError(t, err)
	events, err := feed.Next(ctx)
	require.NoError(t, err)
	require.Len(t, events, 1)
	list, err := eventstore.Migrations(ctx, pool)
	require.NoError(t, err)
	require.NotNil(t, list[0].AppliedAt)
	_, err = eventstore.Validate(ctx, pool)
	require.NoError(t, err)

	js, _ := natstest.JetStream(t)
	relayUntilCaughtUp(t, login(t, owner, "contrail_relay"), js)
	status, err := publisher.ReadStatus(ctx, pool, js, "EVENTS")
	require.NoError(t, err)
	require.EqualValues(t, 1, status.PublishedPosition)
	report, err := publisher.Verify(ctx, pool, js, publisher.VerifyConfig{})
	require.NoError(t, err)
	require.True(t, report.OK)

	requireRefused(t, pool,
		`INSERT INTO contrail.events (stream, version, type, data) VALUES ('invoice-42', 2, 'B', '{}')`,
		`UPDATE contrail.events SET data = '{}'`, `DELETE FROM contrail.events`, `TRUNCATE contrail.events`,
		`SELECT FROM contrail.keys`, `SELECT FROM contrail.snapshots`, `SELECT FROM contrail.inbox_pages`, `SELECT FROM contrail.imports`,
		`UPDATE contrail.relays SET position = 0`, `SELECT nextval('contrail.events_position_seq')`,
		`DELETE FROM contrail.inbox`, `INSERT INTO contrail.audit (who, role, action, target) VALUES ('ada', 'operator', 'relay.pause', 'x')`,
	)
	_, err = pool.Exec(ctx, `SELECT consumer, position, handled_at FROM contrail.inbox, contrail.audit`)
	require.NoError(t, err)
}

// What people do is written down by who may operate, completed, and never deleted.
func TestRoleThatOperatesKeepsTheAudit(t *testing.T) {
	t.Parallel()
	pool := login(t, granted(t), "contrail_operate")
	var id int64
	require.NoError(t, pool.QueryRow(t.Context(), `INSERT INTO contrail.audit (who, role, action, target) VALUES ('ada', 'operator', 'relay.pause', 'relay here:1')
		RETURNING id`).Scan(&id))
	_, err := pool.Exec(t.Context(), `UPDATE contrail.audit SET ended_at = now(), outcome = 'done' WHERE id = $1`, id)
	require.NoError(t, err)
	requireRefused(t, pool, `DELETE FROM contrail.audit`, `TRUNCATE contrail.audit`)
}

func TestRoleThatRelays(t *testing.T) {
	t.Parallel()
	pool := login(t, granted(t), "contrail_relay")
	js, _ := natstest.JetStream(t)
	relayUntilCaughtUp(t, pool, js)
	requireRefused(t, pool,
		`INSERT INTO contrail.events (stream, version, type, data) VALUES ('invoice-42', 2, 'B', '{}')`,
		`UPDATE contrail.events SET data = '{}'`, `DELETE FROM contrail.events`, `DELETE FROM contrail.relays`,
		`SELECT FROM contrail.keys`, `SELECT FROM contrail.snapshots`, `SELECT FROM contrail.inbox`, `SELECT nextval('contrail.events_position_seq')`,
	)
}

// relayUntilCaughtUp runs a real relay with the rights of a pool, and reads its status and verifies with them.
func relayUntilCaughtUp(tb testing.TB, pool *pgxpool.Pool, js jetstream.JetStream) {
	tb.Helper()
	relay, err := publisher.NewRelay(pool, js, publisher.Config{})
	require.NoError(tb, err)
	ctx, stop := context.WithCancel(tb.Context())
	ended := make(chan error, 1)
	go func() { ended <- relay.Run(ctx) }()
	require.Eventually(tb, func() bool {
		status, err := publisher.ReadStatus(tb.Context(), pool, js, "EVENTS")
		return err == nil && status.Leader != "" && status.PublishedPosition == 1
	}, 30*time.Second, 10*time.Millisecond)
	stop()
	require.NoError(tb, <-ended)
	report, err := publisher.Verify(tb.Context(), pool, js, publisher.VerifyConfig{})
	require.NoError(tb, err)
	require.True(tb, report.OK)
	var position int64
	require.NoError(tb, pool.QueryRow(tb.Context(), `SELECT position FROM contrail.relays`).Scan(&position))
	require.EqualValues(tb, 1, position, "the ledger was written")
}

func TestRoleThatConsumes(t *testing.T) {
	t.Parallel()
	owner := granted(t)
	js, _ := natstest.JetStream(t)
	relayUntilCaughtUp(t, login(t, owner, "contrail_relay"), js)
	pool := login(t, owner, "contrail_consume")

	ctx, stop := context.WithCancel(t.Context())
	sub, err := subscribers.New(js, subscribers.Config{Durable: "rights", Inbox: subscribers.NewInbox(pool)})
	require.NoError(t, err)
	subscribers.HandleTx(sub, func(context.Context, pgx.Tx, contrail.Delivered[a]) error { stop(); return nil })
	require.NoError(t, sub.Run(ctx))

	ctx, stop = context.WithCancel(t.Context())
	projection, err := subscribers.NewProjection(js, pool, subscribers.ProjectionConfig{Name: "rights"},
		func(context.Context, pgx.Tx, []contrail.Delivered[json.RawMessage]) error { stop(); return nil })
	require.NoError(t, err)
	require.NoError(t, projection.Run(ctx))
	var taken, position int64
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM contrail.inbox), (SELECT position FROM contrail.projections)`).
		Scan(&taken, &position))
	require.EqualValues(t, 1, taken)
	require.EqualValues(t, 1, position)
	_, err = pool.Exec(t.Context(), `DELETE FROM contrail.inbox`)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `INSERT INTO contrail.offsets (topic, consumer_group) VALUES ('a', 'b') ON CONFLICT (topic, consumer_group) DO UPDATE SET position = 1`)
	require.NoError(t, err)

	requireRefused(t, pool, `SELECT FROM contrail.events`, `SELECT FROM contrail.keys`, `SELECT FROM contrail.snapshots`, `SELECT FROM contrail.relays`,
		`INSERT INTO contrail.events (stream, version, type, data) VALUES ('invoice-42', 2, 'B', '{}')`, `TRUNCATE contrail.inbox`)
}

// a is the event type A.
type a struct{}

func (a) EventType() string { return "A" }

// The roles belong to the cluster: whoever comes second finds them there.
func TestGrantRolesByEightAtOnce(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t, localstack.PostgresConfig{}) // that has no such roles yet
	pools := []*pgxpool.Pool{poolAt(t, server.URL(), "")}
	_, err := pools[0].Exec(t.Context(), `CREATE DATABASE another`)
	require.NoError(t, err)
	pools = append(pools, poolAt(t, server.URL(), "another"))
	for _, pool := range pools {
		require.ErrorIs(t, eventstore.GrantRoles(t.Context(), pool), eventstore.ErrNotMigrated)
		_, err = eventstore.Migrate(t.Context(), pool)
		require.NoError(t, err)
	}

	faster, err := pools[0].Begin(t.Context()) // and has not committed yet
	require.NoError(t, err)
	_, err = faster.Exec(t.Context(), `CREATE ROLE contrail_append`)
	require.NoError(t, err)
	var processes sync.WaitGroup
	for number := range 8 {
		processes.Go(func() {
			if err := eventstore.GrantRoles(t.Context(), pools[number%2]); err != nil {
				t.Errorf("process %d: %v", number, err)
			}
		})
	}
	require.Eventually(t, func() bool {
		var waiting int // one in each database, for the end of that transaction
		err := faster.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted`).Scan(&waiting)
		return err == nil && waiting == 2
	}, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, faster.Commit(t.Context()))
	processes.Wait()
	for _, pool := range pools {
		require.Empty(t, load(t, login(t, pool, "contrail_read"), invoice42, 0))
	}
}

func poolAt(tb testing.TB, url, database string) *pgxpool.Pool {
	tb.Helper()
	config, err := pgxpool.ParseConfig(url)
	require.NoError(tb, err)
	if database != "" {
		config.ConnConfig.Database = database
	}
	pool, err := pgxpool.NewWithConfig(tb.Context(), config)
	require.NoError(tb, err)
	tb.Cleanup(pool.Close)
	return pool
}

// Who owns the schema but may not create roles is told who can; when the roles are there, the owner's rights are enough.
func TestGrantRolesWithoutTheRightToCreateThem(t *testing.T) {
	t.Parallel()
	admin := poolAt(t, pgtest.Server(t, localstack.PostgresConfig{}).URL(), "")
	_, err := admin.Exec(t.Context(), `CREATE ROLE migrators`)
	require.NoError(t, err)
	_, err = admin.Exec(t.Context(), `CREATE SCHEMA contrail AUTHORIZATION migrators`)
	require.NoError(t, err)
	migrator := login(t, admin, "migrators")
	_, err = eventstore.Migrate(t.Context(), migrator)
	require.NoError(t, err)

	// The schema is the group's: its members grant as the group.
	err = eventstore.GrantRoles(t.Context(), migrator)
	require.ErrorIs(t, err, eventstore.ErrMayNotGrant)
	require.ErrorContains(t, err, "let a superuser run what `contrail migrate roles --print` prints")
	_, err = admin.Exec(t.Context(), eventstore.RolesSQL())
	require.NoError(t, err)
	require.NoError(t, eventstore.GrantRoles(t.Context(), migrator))
	require.Empty(t, load(t, login(t, admin, "contrail_read"), invoice42, 0))
}

// What an upgrade adds works for those who had the roles before, and for nobody else.
func TestMigrateGrantsAgain(t *testing.T) {
	t.Parallel()
	pool := granted(t)
	ctx := t.Context()
	appender := login(t, pool, "contrail_append")
	_, err := eventstore.MigrateDown(ctx, pool, 1)
	require.NoError(t, err)
	_, err = pool.Exec(ctx, `REVOKE USAGE ON SCHEMA contrail FROM contrail_consume`)
	require.NoError(t, err)

	_, err = eventstore.MigrateTo(ctx, pool, 5)
	require.NoError(t, err)
	requireRefused(t, appender, `SELECT FROM contrail.snapshots`)
	_, err = eventstore.Migrate(ctx, pool)
	require.NoError(t, err)
	_, err = appender.Exec(ctx, `SELECT FROM contrail.snapshots, contrail.keys`)
	require.NoError(t, err)
	requireRefused(t, login(t, pool, "contrail_consume"), `SELECT FROM contrail.inbox`)
}
