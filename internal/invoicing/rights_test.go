package invoicing_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/deliveries"
	"github.com/contrail-events/contrail/subscribers/steps"
)

// as is a pool whose sessions have the rights of the roles, and of the service's own schema, alone. It outlives what the test runs in the background.
func as(t *testing.T, owner *pgxpool.Pool, name, roles string) *pgxpool.Pool {
	t.Helper()
	quoted := pgx.Identifier{owner.Config().ConnConfig.Database + name}.Sanitize()
	_, err := owner.Exec(t.Context(), `CREATE ROLE `+quoted+` NOLOGIN IN ROLE `+roles+`; GRANT USAGE ON SCHEMA invoicing TO `+quoted+`;
		GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA invoicing TO `+quoted)
	require.NoError(t, err)
	config := owner.Config()
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `SET ROLE `+quoted)
		return err
	}
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(t.Context()), config)
	require.NoError(t, err)
	t.Cleanup(func() {
		pool.Close()
		conn, err := pgx.ConnectConfig(context.WithoutCancel(t.Context()), owner.Config().ConnConfig)
		require.NoError(t, err)
		_, err = conn.Exec(context.WithoutCancel(t.Context()), `DROP OWNED BY `+quoted+`; DROP ROLE `+quoted)
		require.NoError(t, err)
		require.NoError(t, conn.Close(context.WithoutCancel(t.Context())))
	})
	return pool
}

// Who serves is a member of contrail_append and contrail_read, and who subscribes of contrail_consume and contrail_read.
func TestRightsOfTheService(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	require.NoError(t, eventstore.GrantRoles(t.Context(), o.pool))
	serving, subscribing := as(t, o.pool, "_serves", "contrail_append, contrail_read"), as(t, o.pool, "_subscribes", "contrail_consume, contrail_read")
	for _, pool := range []*pgxpool.Pool{serving, subscribing} {
		require.NoError(t, invoicing.Check(t.Context(), pool))
	}
	relay, err := publisher.NewRelay(o.pool, o.js, publisher.Config{})
	require.NoError(t, err)
	inBackground(t, relay.Run)
	for _, build := range []func(jetstream.JetStream, *pgxpool.Pool, subscribers.ProjectionConfig) (*subscribers.Projection, error){
		invoicing.NewSummaryProjection, invoicing.NewOverdueProjection, invoicing.NewStatementProjection,
	} {
		projection, err := build(o.js, subscribing, subscribers.ProjectionConfig{})
		require.NoError(t, err)
		inBackground(t, projection.Run)
	}
	o.config.Reminders = soon()
	o.told, err = invoicing.NewNotifications(o.js, subscribing, o.config)
	require.NoError(t, err)
	inBackground(t, o.told.Run)
	inBackground(t, o.told.RunReminders)

	transactor, err := invoicing.NewTransactor(serving, invoicing.TransactorConfig{})
	require.NoError(t, err)
	longAgo := func() time.Time { return monday().AddDate(0, -2, 0) }
	o.services, err = invoicing.NewServices(transactor, longAgo, domain.Config{})
	require.NoError(t, err)
	id := o.issue()
	for _, channel := range []string{invoicing.ChannelInvoice, invoicing.ChannelReminder, invoicing.ChannelSecondReminder} {
		require.Equal(t, deliveries.Succeeded, o.ended(id, channel).State)
	}
	o.run(id, steps.Finished)
	paid, err := o.services.Invoices.Pay(t.Context(), actor, id, domain.Once("a-key"))
	require.NoError(t, err)
	reader := invoicing.NewReader(serving, invoicing.ReaderConfig{Wait: patience})
	for name, read := range readings() {
		_, err := read(t.Context(), reader, actor.TenantID, o.organisationID, paid.Events[0].Position)
		require.NoError(t, err, name)
	}
	_, err = invoicing.PruneAnswers(t.Context(), serving, time.Hour)
	require.NoError(t, err)
}
