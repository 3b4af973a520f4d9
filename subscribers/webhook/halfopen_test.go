package webhook_test

import (
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/proxytest"
	"github.com/contrail-events/contrail/subscribers/deliveries"
	"github.com/contrail-events/contrail/subscribers/webhook"
)

// throughProxy is a pool of connections to the same database, through a proxy.
func (w *world) throughProxy() (*pgxpool.Pool, *proxytest.Proxy) {
	w.Helper()
	config, err := pgxpool.ParseConfig(w.pool.Config().ConnString())
	require.NoError(w, err)
	proxy := proxytest.New(w, net.JoinHostPort(config.ConnConfig.Host, strconv.Itoa(int(config.ConnConfig.Port))))
	host, port, err := net.SplitHostPort(proxy.Addr())
	require.NoError(w, err)
	number, err := strconv.ParseUint(port, 10, 16)
	require.NoError(w, err)
	config.ConnConfig.Host, config.ConnConfig.Port, config.ConnConfig.Fallbacks = host, uint16(number), nil
	config.MaxConns = 4
	pool, err := pgxpool.NewWithConfig(w.Context(), config)
	require.NoError(w, err)
	w.Cleanup(pool.Close)
	return pool, proxy
}

// A firewall forgets the connections to the database: nothing waits for ever for what is asked through them.
func TestConnectionsToTheDatabaseThatCarryNothing(t *testing.T) {
	t.Parallel()
	w, to := newWorld(t), newReceiver(t)
	endpoint := w.add(to, webhook.Endpoint{})
	pool, proxy := w.throughProxy()
	behind := &world{TB: t, pool: pool, js: w.js, url: w.url}
	config := quick()
	config.Lease = 3 * time.Second
	behind.run(config)
	w.publish("invoice-1", "InvoiceDrafted")
	eventually(t, func() bool { return len(to.events()) == 1 })
	proxy.HalfOpen()
	ledger, err := deliveries.New(w.pool, deliveries.Config{Consumer: durable})
	require.NoError(t, err)
	id := endpoint.ID.String()
	require.NoError(t, pgx.BeginFunc(t.Context(), w.pool, func(tx pgx.Tx) error {
		event := deliveries.Event{Recorded: w.event("invoice-1", "InvoiceIssued", nil), Source: source}
		return ledger.Plan(t.Context(), tx, event, deliveries.Target{Channel: webhook.Channel, Recipient: id, Lane: id})
	}))
	require.Eventually(t, func() bool { return len(to.events()) == 2 }, 3*patience, 50*time.Millisecond)
}
