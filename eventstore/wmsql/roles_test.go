package wmsql_test

import (
	"context"
	"crypto/rand"
	stdsql "database/sql"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/wmsql"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// login connects as a user of the test's own, who is a member of the given roles and nothing else.
func login(t *testing.T, pool *pgxpool.Pool, roles ...string) *stdsql.DB {
	t.Helper()
	user, password := "login_"+strings.ToLower(rand.Text()), rand.Text()
	_, err := pool.Exec(t.Context(), `CREATE ROLE `+user+` LOGIN PASSWORD '`+password+`' IN ROLE `+strings.Join(roles, ", "))
	require.NoError(t, err)
	address, err := url.Parse(pool.Config().ConnString())
	require.NoError(t, err)
	address.User = url.UserPassword(user, password)
	db, err := stdsql.Open("pgx", address.String())
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, db.Close())
		_, err := pool.Exec(context.WithoutCancel(t.Context()), `DROP ROLE `+user)
		require.NoError(t, err)
	})
	return db
}

// Contrail's roles are enough: to publish, that of what appends; to subscribe, that of what consumes and that of what reads.
func TestRoles(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	require.NoError(t, eventstore.GrantRoles(t.Context(), pool))
	appender, reader := login(t, pool, "contrail_append"), login(t, pool, "contrail_read")
	consumer := login(t, pool, "contrail_consume", "contrail_read")

	require.NoError(t, newPublisher(t, appender, wmsql.Config{}).Publish("invoice", numbered(1)))
	require.NoError(t, newSubscriber(t, consumer, "mailer", wmsql.Config{}).SubscribeInitialize("invoice"))
	require.Equal(t, "1", string(next(t, subscribe(t, consumer, "invoice", "mailer", wmsql.Config{})).Payload))

	_, err := newSubscriber(t, reader, "mailer", wmsql.Config{}).Subscribe(t.Context(), "payment")
	require.ErrorContains(t, err, "permission denied for table offsets")
	require.ErrorContains(t, newPublisher(t, consumer, wmsql.Config{}).Publish("invoice", numbered(2)), "permission denied for table events")
}
