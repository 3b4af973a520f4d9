package webhook_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/deliveries"
	"github.com/contrail-events/contrail/subscribers/webhook"
)

// BenchmarkWebhooks posts what is planned already: eight endpoints, sixteen requests at a time each, to a server in this process.
func BenchmarkWebhooks(b *testing.B) {
	w := newWorld(b)
	server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		_, _ = io.Copy(io.Discard, request.Body)
		answer.WriteHeader(http.StatusNoContent)
	}))
	b.Cleanup(server.Close)
	const endpoints = 8
	var targets []deliveries.Target
	for range endpoints {
		added, _, err := webhook.Add(b.Context(), w.pool, webhook.Endpoint{Consumer: durable, URL: server.URL, Private: true, Concurrency: 16}, webhook.Secret{})
		require.NoError(b, err)
		id := added.ID.String()
		targets = append(targets, deliveries.Target{Channel: "webhook", Recipient: id, Lane: id})
	}
	ledger, err := deliveries.New(w.pool, deliveries.Config{Consumer: durable})
	require.NoError(b, err)
	tx, err := w.pool.Begin(b.Context())
	require.NoError(b, err)
	planned := 0
	for ; planned < b.N; planned += endpoints {
		event := deliveries.Event{Recorded: w.event(fmt.Sprintf("invoice-%d", planned/endpoints%500), "InvoiceDrafted", nil), Source: source}
		require.NoError(b, ledger.Plan(b.Context(), tx, event, targets...))
	}
	require.NoError(b, tx.Commit(b.Context()))
	b.ResetTimer()
	w.run(quick())
	for w.count(`SELECT count(*) FROM (SELECT FROM contrail.deliveries WHERE state <> 'succeeded' LIMIT 1) AS open`) > 0 {
		<-time.After(5 * time.Millisecond)
	}
	b.StopTimer()
	b.ReportMetric(float64(planned)/b.Elapsed().Seconds(), "posts/s")
}
