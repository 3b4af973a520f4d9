package dashboard_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers/deliveries"
	"github.com/contrail-events/contrail/subscribers/steps"
	"github.com/contrail-events/contrail/subscribers/webhook"
)

// ledgerName is the consumer whose ledger has the deliveries, and hooksName that of the webhooks.
const (
	ledgerName = "invoice-mail"
	hooksName  = "webhooks"
)

// effects makes deliveries of one event each: by mail, pending; by mail, under way in a process that is gone; and by channels that are named after what becomes of
// them.
func (w *world) effects() {
	w.Helper()
	answer := func(err error) deliveries.Adapter {
		return deliveries.AdapterFunc(func(context.Context, deliveries.Delivery) (deliveries.Receipt, error) {
			return deliveries.Receipt{ID: "m-1", Response: "250 ok " + hostileText}, err
		})
	}
	ledger, err := deliveries.New(w.pool, deliveries.Config{
		Consumer: ledgerName, Policy: deliveries.Policy{Backoff: deliveries.Backoff{Min: time.Hour, Max: time.Hour}},
		Adapters: map[string]deliveries.Adapter{
			"succeeded": answer(nil), "failed": answer(errors.New("the mail server is down: " + hostileText)),
			"cancelled": answer(deliveries.Bounced(errors.New("550 no such user"))), "suppressed": answer(nil), "mail": answer(nil),
		},
		Rules: []deliveries.Rule{deliveries.Only(func(context.Context, deliveries.RuleContext) (deliveries.Verdict, error) {
			return deliveries.Suppress("unsubscribed"), nil
		}, "suppressed")},
	})
	require.NoError(w, err)
	planned := func(stream, recipient, channel string) deliveries.Event {
		event := w.append(stream, "InvoiceIssued", `{"number":"2026-9"}`, "tenant_id", tenantName)
		about := deliveries.From(contrail.Delivered[json.RawMessage]{
			Recorded: event, Delivery: contrail.Delivery{Consumer: ledgerName, Sequence: uint64(event.Position), Attempt: 1, Source: "/contrail/test"},
		})
		require.NoError(w, pgx.BeginFunc(w.Context(), w.pool, func(tx pgx.Tx) error {
			return ledger.Plan(w.Context(), tx, about, deliveries.Target{Channel: channel, Recipient: recipient})
		}))
		return about
	}
	for i, channel := range []string{"succeeded", "failed", "cancelled", "suppressed"} {
		about := planned(fmt.Sprintf("mail-%d", i+1), "contact-1", channel)
		_ = ledger.Deliver(w.Context(), about, deliveries.Target{Channel: channel, Recipient: "contact-1"}) // what it is to become of it
	}
	planned("mail-8", "contact-2", "mail")
	lost := planned("mail-9", "contact-3", "mail")
	_, err = w.pool.Exec(w.Context(), `SELECT contrail.delivery_begin(id, 'gone', interval '-1 s', 5, 'hold', interval '0') FROM contrail.deliveries WHERE event = $1`, lost.ID)
	require.NoError(w, err)
}

// runs makes runs that have finished, failed, wait, are halted and were cancelled, by their keys.
func (w *world) runs() {
	w.Helper()
	one := func(key string, do func(run *steps.State) error, more ...steps.Step) {
		step := steps.Tx("reserve", func(_ context.Context, _ pgx.Tx, run *steps.State) error { return do(run) })
		_, _ = steps.Run(w.Context(), w.pool, key, map[string]string{"note": hostileText}, append([]steps.Step{step}, more...)...) // what it is to come to
	}
	fine := func(*steps.State) error { return nil }
	one("orders/finished", fine)
	one("orders/failed", func(*steps.State) error {
		return contrail.Permanent(errors.New("no carrier goes there: " + hostileText))
	})
	one("orders/waiting", fine, steps.Sleep("grace", 24*time.Hour))
	one("orders/halted", func(*steps.State) error { return steps.Halt("a person must look") })
	one("orders/retrying", func(*steps.State) error { return errors.New("the shop is closed") })
	one("orders/cancelled", fine, steps.Sleep("grace", 24*time.Hour))
	_, err := steps.Cancel(w.Context(), w.pool, "orders/cancelled", steps.Order{By: "ada@ops", Because: "the customer has changed their mind"})
	require.NoError(w, err)
}

// hooks registers endpoints: one is enabled, one disabled, and the circuit of one is open.
func (w *world) hooks() {
	w.Helper()
	for _, path := range []string{"enabled", "disabled", "failing"} {
		_, _, err := webhook.Add(w.Context(), w.pool, webhook.Endpoint{Consumer: hooksName, URL: "https://example.com/" + path, Description: path + " <script>alert('x')</script>"}, webhook.Secret{})
		require.NoError(w, err)
	}
	w.exec(`UPDATE contrail.webhooks SET state = 'disabled', reason = 'gone', disabled_at = now() WHERE url LIKE '%/disabled'`,
		`UPDATE contrail.webhooks SET opened_at = now(), failures = 7, failing_since = now() - interval '1 hour', probe_at = now() + interval '1 hour',
			last_error = 'status 500' WHERE url LIKE '%/failing'`)
}
