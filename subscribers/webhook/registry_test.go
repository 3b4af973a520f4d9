package webhook_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers/deliveries"
	"github.com/contrail-events/contrail/subscribers/webhook"
)

func public(tenant string) webhook.Endpoint {
	return webhook.Endpoint{Consumer: durable, URL: "https://example.com/hooks", Tenant: tenant, CreatedBy: "ada@ops"}
}

func TestAddSaysAllThatIsWrong(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	_, _, err := webhook.Add(t.Context(), pool, webhook.Endpoint{
		URL: "http://127.0.0.1/", Concurrency: 65, Timeout: time.Minute, MaxAttempts: -1, Types: []string{"no type"}, Categories: []string{"no-category"},
		Description: "two\nlines",
	}, webhook.Secret{})
	for _, field := range []string{"Consumer", "URL", "Concurrency", "Timeout", "MaxAttempts", "Types", "Categories", "Description"} {
		require.ErrorContains(t, err, field)
	}
}

func TestEndpointsAreKeptWithTheirDefaults(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	added, secret, err := webhook.Add(t.Context(), pool, public("acme"), webhook.Secret{})
	require.NoError(t, err)
	require.Equal(t, secret.String(), added.SecretHint)
	require.Equal(t, 1, added.Concurrency)
	require.Equal(t, 15*time.Second, added.Timeout)
	require.Equal(t, 10, added.MaxAttempts)
	require.Equal(t, webhook.StateEnabled, added.State)
	got, err := webhook.Get(t.Context(), pool, added.ID, webhook.Scope{Tenant: "acme"})
	require.NoError(t, err)
	require.Equal(t, added, got)

	got.URL, got.Types, got.Concurrency, got.ChangedBy = "https://example.org/", []string{"InvoiceIssued"}, 4, "bob@ops"
	changed, err := webhook.Change(t.Context(), pool, got)
	require.NoError(t, err)
	require.Equal(t, []string{"InvoiceIssued"}, changed.Types)
	require.Equal(t, "bob@ops", changed.ChangedBy)
	require.Equal(t, "ada@ops", changed.CreatedBy)
	got.URL = "ftp://example.org/"
	_, err = webhook.Change(t.Context(), pool, got)
	require.ErrorContains(t, err, "URL")
}

func TestListFilters(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	ids := map[string]uuid.UUID{}
	for _, tenant := range []string{"", "acme", "globex"} {
		added, _, err := webhook.Add(t.Context(), pool, public(tenant), webhook.Secret{})
		require.NoError(t, err)
		ids[tenant] = added.ID
	}
	_, err := webhook.Disable(t.Context(), pool, ids["globex"], webhook.Order{By: "ada@ops", Because: "moved"})
	require.NoError(t, err)
	list := func(filter webhook.Filter) (found []uuid.UUID) {
		for endpoint, err := range webhook.List(t.Context(), pool, filter) {
			require.NoError(t, err)
			found = append(found, endpoint.ID)
		}
		return found
	}
	require.Equal(t, []uuid.UUID{ids[""], ids["acme"], ids["globex"]}, list(webhook.Filter{}))
	require.Equal(t, []uuid.UUID{ids["acme"]}, list(webhook.Filter{Tenant: "acme"}))
	require.Equal(t, []uuid.UUID{ids["globex"]}, list(webhook.Filter{State: webhook.StateDisabled}))
	require.Empty(t, list(webhook.Filter{Consumer: "others"}))
}

// Another tenant's endpoint can't be told from one that is not there.
func TestOtherTenantsEndpointsAreNotThere(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	added, _, err := webhook.Add(t.Context(), pool, public("acme"), webhook.Secret{})
	require.NoError(t, err)
	for _, id := range []uuid.UUID{added.ID, uuid.New()} {
		for name, do := range map[string]func() error{
			"get": func() error {
				_, err := webhook.Get(t.Context(), pool, id, webhook.Scope{Tenant: "globex"})
				return err
			},
			"change": func() error {
				_, err := webhook.Change(t.Context(), pool, func() webhook.Endpoint { e := public("globex"); e.ID = id; return e }())
				return err
			},
			"rotate": func() error {
				_, _, err := webhook.Rotate(t.Context(), pool, id, webhook.Rotation{Tenant: "globex"})
				return err
			},
			"disable": func() error {
				_, err := webhook.Disable(t.Context(), pool, id, webhook.Order{Tenant: "globex"})
				return err
			},
			"enable": func() error {
				_, err := webhook.Enable(t.Context(), pool, id, webhook.Order{Tenant: "globex"})
				return err
			},
			"remove": func() error {
				_, err := webhook.Remove(t.Context(), pool, id, webhook.Order{Tenant: "globex"})
				return err
			},
		} {
			require.ErrorIs(t, do(), webhook.ErrNotFound, name)
		}
	}
	got, err := webhook.Get(t.Context(), pool, added.ID, webhook.Scope{})
	require.NoError(t, err)
	require.Equal(t, added, got)
}

func TestDisableAndEnable(t *testing.T) {
	t.Parallel()
	w, to := newWorld(t), newReceiver(t).answering(always(http.StatusInternalServerError))
	endpoint := w.add(to, webhook.Endpoint{})
	config := quick()
	config.Backoff.Schedule = []time.Duration{time.Hour}
	w.run(config)
	w.publishMany(5, 1)
	eventually(t, func() bool {
		return w.standing(endpoint.ID)["failed temporary"] == 1 && w.standing(endpoint.ID)["pending"] == 4
	})

	disabled, err := webhook.Disable(t.Context(), w.pool, endpoint.ID, webhook.Order{By: "ada@ops", Because: "moved"})
	require.NoError(t, err)
	require.Equal(t, "moved", disabled.Reason)
	require.Equal(t, map[string]int{"cancelled endpoint_disabled": 5}, w.standing(endpoint.ID))
	require.Equal(t, 5, w.count(`SELECT count(*) FROM contrail.delivery_log WHERE what = 'cancelled' AND by_whom = 'ada@ops' AND because = 'moved'`))
	again, err := webhook.Disable(t.Context(), w.pool, endpoint.ID, webhook.Order{By: "bob@ops", Because: "twice"})
	require.NoError(t, err)
	require.Equal(t, disabled.Reason, again.Reason)
	eventually(t, func() bool { return w.get(endpoint.ID).HeldBy == "" })

	to.answering(nil)
	enabled, err := webhook.Enable(t.Context(), w.pool, endpoint.ID, webhook.Order{By: "ada@ops"})
	require.NoError(t, err)
	require.Equal(t, webhook.StateEnabled, enabled.State)
	require.Zero(t, enabled.Failures)
	event := w.publish("invoice-0", "InvoiceIssued")
	eventually(t, func() bool { return len(to.events()) == 1 })
	require.Equal(t, event.ID, to.events()[0])
}

// Two who disable an endpoint at the same time both find it disabled.
func TestDisableAtTheSameTime(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	added, _, err := webhook.Add(t.Context(), pool, public(""), webhook.Secret{})
	require.NoError(t, err)
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = webhook.Disable(t.Context(), tx, added.ID, webhook.Order{By: "ada@ops", Because: "moved"})
	require.NoError(t, err)
	type outcome struct {
		endpoint webhook.Endpoint
		err      error
	}
	second := make(chan outcome)
	go func() {
		endpoint, err := webhook.Disable(t.Context(), pool, added.ID, webhook.Order{By: "bob@ops", Because: "late"})
		second <- outcome{endpoint, err}
	}()
	eventually(t, func() bool {
		var waiting bool
		err := pool.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
			WHERE NOT l.granted AND a.datname = current_database())`).Scan(&waiting)
		return err == nil && waiting
	})
	require.NoError(t, tx.Commit(t.Context()))
	got := <-second
	require.NoError(t, got.err)
	require.Equal(t, "moved", got.endpoint.Reason)
}

// Whoever disables and enables an endpoint at a stroke has its circuit closed, too, also if its process never saw that it was disabled.
func TestEnableClosesTheCircuitAtOnce(t *testing.T) {
	t.Parallel()
	w, to := newWorld(t), newReceiver(t).answering(always(http.StatusInternalServerError))
	endpoint := w.add(to, webhook.Endpoint{})
	config := quick()
	config.Circuit = webhook.Circuit{Failures: 1, ProbeMin: time.Hour, ProbeMax: time.Hour}
	w.run(config)
	w.publish("invoice-1", "InvoiceDrafted")
	eventually(t, func() bool { return w.get(endpoint.ID).OpenedAt != nil })
	to.answering(nil)
	tx, err := w.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = webhook.Disable(t.Context(), tx, endpoint.ID, webhook.Order{By: "ada@ops"})
	require.NoError(t, err)
	_, err = webhook.Enable(t.Context(), tx, endpoint.ID, webhook.Order{By: "ada@ops"})
	require.NoError(t, err)
	require.NoError(t, tx.Commit(t.Context()))
	w.publish("invoice-1", "InvoiceIssued")
	eventually(t, func() bool { return len(to.events()) == 1 })
	require.Nil(t, w.get(endpoint.ID).OpenedAt)
}

// Whoever mends an endpoint that fails, by another URL or another secret, does not wait for the next probe.
func TestAChangeIsTriedAtOnce(t *testing.T) {
	t.Parallel()
	for name, circuit := range map[string]webhook.Circuit{
		"with the circuit open":   {Failures: 1, ProbeMin: time.Hour, ProbeMax: time.Hour},
		"with the circuit closed": {Failures: 1000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, from, to := newWorld(t), newReceiver(t).answering(always(http.StatusInternalServerError)), newReceiver(t)
			endpoint := w.add(from, webhook.Endpoint{})
			config := quick()
			config.Backoff.Schedule = []time.Duration{time.Hour}
			config.Circuit = circuit
			w.run(config)
			w.publish("invoice-1", "InvoiceDrafted")
			eventually(t, func() bool { return w.get(endpoint.ID).Failures == 1 })
			to.trust(from.secrets[0])
			endpoint.URL = to.server.URL
			_, err := webhook.Change(t.Context(), w.pool, endpoint)
			require.NoError(t, err)
			eventually(t, func() bool { return len(to.events()) == 1 })
		})
	}
}

func TestRemoveCancelsWhatIsOpen(t *testing.T) {
	t.Parallel()
	w, to := newWorld(t), newReceiver(t)
	hold := make(chan struct{})
	to.answering(func(received, http.ResponseWriter) int {
		<-hold
		return http.StatusInternalServerError
	})
	endpoint := w.add(to, webhook.Endpoint{})
	w.run(quick())
	w.publishMany(5, 1)
	eventually(t, func() bool {
		return w.standing(endpoint.ID)["dispatched"] == 1 && w.standing(endpoint.ID)["pending"] == 4
	})
	_, err := webhook.Remove(t.Context(), w.pool, endpoint.ID, webhook.Order{By: "ada@ops"})
	require.NoError(t, err)
	close(hold)
	eventually(t, func() bool { return w.standing(endpoint.ID)["cancelled endpoint_removed"] == 5 })
	require.Equal(t, 1, w.count(`SELECT count(*) FROM contrail.delivery_log l JOIN contrail.delivery_attempts a USING (delivery)
		WHERE l.what = 'cancelled' AND l.by_whom = a.started_by`), "what was under way is cancelled with its own outcome")
	w.requireSound()
}

// What is planned by a transaction that has read the endpoint before it was disabled is cancelled, too.
func TestWhatIsPlannedForADisabledEndpointIsCancelled(t *testing.T) {
	t.Parallel()
	w, to := newWorld(t), newReceiver(t)
	endpoint := w.add(to, webhook.Endpoint{})
	_, err := webhook.Disable(t.Context(), w.pool, endpoint.ID, webhook.Order{})
	require.NoError(t, err)
	ledger, err := deliveries.New(w.pool, deliveries.Config{Consumer: durable})
	require.NoError(t, err)
	tx, err := w.pool.Begin(t.Context())
	require.NoError(t, err)
	id := endpoint.ID.String()
	event := deliveries.Event{Recorded: w.event("invoice-1", "InvoiceIssued", nil), Source: source}
	require.NoError(t, ledger.Plan(t.Context(), tx, event, deliveries.Target{Channel: "webhook", Recipient: id, Lane: id}))
	require.NoError(t, tx.Commit(t.Context()))
	w.run(quick())
	eventually(t, func() bool { return w.standing(endpoint.ID)["cancelled endpoint_disabled"] == 1 })
	require.Empty(t, to.got(0))
}

func TestSecretsAreRotatedInTheMiddleOfTraffic(t *testing.T) {
	t.Parallel()
	w, to := newWorld(t), newReceiver(t)
	endpoint := w.add(to, webhook.Endpoint{Concurrency: 4})
	w.run(quick())
	for range 4 {
		w.publishMany(20, 20)
		rotated, secret, err := webhook.Rotate(t.Context(), w.pool, endpoint.ID, webhook.Rotation{By: "ada@ops"})
		require.NoError(t, err)
		require.NotNil(t, rotated.FormerUntil)
		to.trust(secret) // the first of those that it knows that fits will do: it fails the test when none does
		w.publishMany(20, 20)
		known := len(to.events())
		eventually(t, func() bool { return len(to.events()) > known })
	}
	eventually(t, func() bool { return len(to.events()) == 160 })
	require.Len(t, to.got(0), 160)
}

func TestChangesAreNoticed(t *testing.T) {
	t.Parallel()
	w, from, to := newWorld(t), newReceiver(t), newReceiver(t)
	endpoint := w.add(from, webhook.Endpoint{})
	w.run(quick())
	w.publish("invoice-1", "InvoiceIssued")
	eventually(t, func() bool { return len(from.events()) == 1 })
	to.mu.Lock()
	to.secrets = from.secrets
	to.mu.Unlock()
	endpoint.URL, endpoint.Concurrency = to.server.URL, 8
	_, err := webhook.Change(t.Context(), w.pool, endpoint)
	require.NoError(t, err)
	eventually(t, func() bool {
		w.publish("invoice-1", "InvoiceIssued")
		return len(to.events()) > 0
	})
}
