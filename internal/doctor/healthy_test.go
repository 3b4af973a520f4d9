package doctor_test

import (
	"context"
	"net"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/doctor"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
)

// healthy is a local stack as it should be: servers that sync, two relays, a subscription, some events.
func healthy(t *testing.T) *world {
	t.Helper()
	w := &world{T: t}
	var err error
	w.pool, err = pgxpool.New(t.Context(), pgtest.Server(t, localstack.PostgresConfig{Durable: true}).URL())
	require.NoError(t, err)
	t.Cleanup(w.pool.Close)
	_, err = eventstore.Migrate(t.Context(), w.pool)
	require.NoError(t, err)
	w.broker(w.monitored, func(options *server.Options) { options.SyncAlways = true })
	w.exec(insertEvent, insertEvent, insertEvent)
	w.relay(publisher.Config{Identity: "here:1"})
	w.relay(publisher.Config{Identity: "here:2"})
	require.Eventually(t, func() bool {
		status, err := publisher.ReadStatus(context.WithoutCancel(t.Context()), w.pool, w.js, "EVENTS")
		return err == nil && status.LagEvents == 0
	}, patience, patience/1000)
	w.subscription("invoice-summary")
	w.divided("invoice-mail")
	w.projection("statement")
	return w
}

// monitored opens the broker's monitoring port, and names it to the doctor.
func (w *world) monitored(options *server.Options) {
	if w.config.Monitor == "" {
		listener, err := new(net.ListenConfig).Listen(w.Context(), "tcp", "127.0.0.1:0")
		require.NoError(w, err)
		w.config.Monitor = "http://" + listener.Addr().String()
		require.NoError(w, listener.Close())
	}
	_, port, err := net.SplitHostPort(w.config.Monitor[len("http://"):])
	require.NoError(w, err)
	options.HTTPHost = "127.0.0.1"
	options.HTTPPort, err = strconv.Atoi(port)
	require.NoError(w, err)
}

// In a healthy stack every check is made, and finds nothing worse than a note.
func TestHealthy(t *testing.T) {
	t.Parallel()
	w := healthy(t)
	found := map[string]bool{}
	for _, finding := range w.examine() {
		found[finding.Check] = true
		require.False(t, finding.Severity.AtLeast(doctor.Warning), "%+v", finding)
		require.NotContains(t, finding.What, "not examined", "%+v", finding)
		if finding.Severity == doctor.Note {
			require.Equal(t, "replicas", finding.Check, "%+v", finding) // a single server
		}
	}
	for _, check := range doctor.Checks() {
		require.True(t, found[check.Name], check.Name)
	}
}
