package webhook_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers/webhook"
)

// addTested registers an endpoint on this machine.
func addTested(t *testing.T, pool *pgxpool.Pool, url, tenant string) (webhook.Endpoint, webhook.Secret) {
	t.Helper()
	endpoint, secret, err := webhook.Add(t.Context(), pool,
		webhook.Endpoint{Consumer: "web hooks", URL: url, Tenant: tenant, Private: true, Timeout: 30 * time.Second}, webhook.Secret{})
	require.NoError(t, err)
	return endpoint, secret
}

func TestTestEvent(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	type got struct {
		header http.Header
		body   []byte
	}
	asked := make(chan got, 10)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked <- got{r.Header, body}
		_, _ = io.WriteString(w, "thank you")
	})
	endpoint, secret := addTested(t, pool, server.URL, "t-1")
	options := webhook.TestOptions{AllowPrivate: true}
	tested, err := webhook.Test(t.Context(), pool, endpoint.ID, options)
	require.NoError(t, err)
	require.True(t, tested.OK())
	require.Equal(t, http.StatusOK, tested.Status)
	require.Equal(t, "200 OK: thank you", tested.Response)
	require.Positive(t, tested.Duration)
	require.WithinDuration(t, time.Now(), tested.At, time.Minute)
	request := <-asked
	require.Equal(t, tested.WebhookID.String(), request.header.Get("Webhook-Id"))
	require.NoError(t, verifier(t, secret).Verify(request.body, request.header))

	event, err := wire.Decode(request.body)
	require.Error(t, err, "no event of a store has such a type")
	var attributes struct {
		Type, Source, Subject, TenantID string
		Data                            struct{ Endpoint uuid.UUID }
	}
	require.NoError(t, json.Unmarshal(request.body, &attributes), event)
	require.Equal(t, webhook.TestType, attributes.Type)
	require.Equal(t, "/contrail/webhooks/web%20hooks", attributes.Source)
	require.Equal(t, "webhook-"+endpoint.ID.String(), attributes.Subject)
	require.Equal(t, endpoint.ID, attributes.Data.Endpoint)

	again, err := webhook.Test(t.Context(), pool, endpoint.ID, options)
	require.NoError(t, err)
	require.NotEqual(t, tested.WebhookID, again.WebhookID, "a receiver takes it for another one")
	<-asked

	_, latest, err := webhook.Rotate(t.Context(), pool, endpoint.ID, webhook.Rotation{})
	require.NoError(t, err)
	_, err = webhook.Disable(t.Context(), pool, endpoint.ID, webhook.Order{})
	require.NoError(t, err)
	tested, err = webhook.Test(t.Context(), pool, endpoint.ID, options)
	require.NoError(t, err)
	require.True(t, tested.OK(), "also when it is disabled")
	request = <-asked
	for _, valid := range []webhook.Secret{secret, latest} {
		require.NoError(t, verifier(t, valid).Verify(request.body, request.header))
	}
	var deliveries int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM contrail.deliveries`).Scan(&deliveries))
	require.Zero(t, deliveries)
	after, err := webhook.Get(t.Context(), pool, endpoint.ID, webhook.Scope{})
	require.NoError(t, err)
	require.Nil(t, after.LastSuccessAt)
}

func TestTestEventThatIsNotTaken(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "token=hunter2", http.StatusForbidden) })
	endpoint, _ := addTested(t, pool, server.URL, "t-1")
	tested, err := webhook.Test(t.Context(), pool, endpoint.ID, webhook.TestOptions{AllowPrivate: true, Tenant: "t-1"})
	require.NoError(t, err)
	require.False(t, tested.OK())
	require.Equal(t, "the endpoint answers 403 Forbidden", tested.Error)
	require.Equal(t, "403 Forbidden: token=[masked]", tested.Response)

	tested, err = webhook.Test(t.Context(), pool, endpoint.ID, webhook.TestOptions{})
	require.NoError(t, err)
	require.Zero(t, tested.Status)
	require.Contains(t, tested.Error, "the address is refused: 127.0.0.1 ", "what the endpoint may, whoever posts has to allow, too")

	_, err = webhook.Test(t.Context(), pool, uuid.New(), webhook.TestOptions{})
	require.ErrorIs(t, err, webhook.ErrNotFound)
	_, err = webhook.Test(t.Context(), pool, endpoint.ID, webhook.TestOptions{Tenant: "t-2", AllowPrivate: true})
	require.ErrorIs(t, err, webhook.ErrNotFound)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = webhook.Test(ctx, pool, endpoint.ID, webhook.TestOptions{})
	require.ErrorIs(t, err, context.Canceled)
}

// While an endpoint thinks, others have the database.
func TestTestEventHoldsNoConnection(t *testing.T) {
	t.Parallel()
	config := pgtest.New(t).Config()
	config.MaxConns = 1
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if err := pool.Ping(r.Context()); err != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	endpoint, _ := addTested(t, pool, server.URL, "")
	tested, err := webhook.Test(t.Context(), pool, endpoint.ID, webhook.TestOptions{AllowPrivate: true})
	require.NoError(t, err)
	require.True(t, tested.OK(), tested.Error)
}
