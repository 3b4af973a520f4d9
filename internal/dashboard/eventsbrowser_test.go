//go:build !race

package dashboard_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every page about events, streams, deliveries, webhooks and runs can be read by all, fits on a phone, and is text whatever is in it.
func TestEventPagesInABrowser(t *testing.T) {
	t.Parallel()
	w := seeded(t)
	b := w.browse(t)
	id := func(query string) string { return value[string](w, query) }
	for name, path := range map[string]string{
		"events": "/events", "events-empty": "/events?type=Never", "streams": "/streams", "stream": "/streams/invoice-1",
		"event":         "/events/" + id(`SELECT id::text FROM contrail.events WHERE stream = 'invoice-1' AND version = 3`),
		"event-hostile": "/events/" + id(`SELECT id::text FROM contrail.events WHERE stream = 'hostile-1' AND version = 1`),
		"event-dead":    "/events/" + id(`SELECT id::text FROM contrail.events WHERE type = 'Stubborn'`),
		"event-held":    "/events/" + id(`SELECT id::text FROM contrail.events WHERE stream = 'letter-1' AND version = 2`),
		"deliveries":    "/deliveries", "delivery": w.delivery("failed"), "webhooks": "/webhooks",
		"webhook": "/webhooks/" + id(`SELECT id::text FROM contrail.webhooks WHERE opened_at IS NOT NULL`),
		"runs":    "/runs", "run": "/runs/" + id(`SELECT id::text FROM contrail.runs WHERE key = 'orders/failed'`),
	} {
		b.open(path)
		b.accessible()
		b.shoot(name)
		b.do(b.width(390))
		b.fits()
		b.shoot(name + "-phone")
		b.do(b.width(1280))
	}
}

// A person finds an event by the form, goes along its correlation and its stream, and sees the journey go on without a reload.
func TestEventIsFoundAndFollowed(t *testing.T) {
	t.Parallel()
	w := seeded(t)
	b := w.browse(t)
	b.open("/events")
	b.fill(`form.filters [name=stream]`, "letter-1")
	b.click(`form.filters button`)
	b.until(`location.search.includes("stream=letter-1")`)
	b.sees("table", "Forbidden")
	b.click(`tbody tr:last-child th a`) // the older one: it is parked
	b.sees(".lead", "Parked: the broker has refused it")
	b.until(`document.querySelector("#connection") && document.readyState === "complete"`)
	require.Equal(t, "yes", evaluate[string](b, `(window.kept = "yes")`))
	w.lenient.Store(true)
	position := value[string](w, `SELECT position::text FROM contrail.events WHERE stream = 'letter-1' AND version = 1`)
	w.exec(`UPDATE contrail.parked SET state = 'requeued', changed_at = now() WHERE position = `+position, `UPDATE contrail.relays SET requests = requests + 1`)
	b.sees(".lead", "Published as message")
	require.Equal(t, "yes", evaluate[string](b, `window.kept`), "it was not loaded again")
	b.click(`a[href^="/streams/letter-1"]`)
	b.sees("h1", "Stream letter-1")
	b.sees("table", "Noted")
}

// Each action of a person has its button, asks why, and ends on the audit log's entry.
func TestEffectsAreDecidedAboutInABrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.effects()
	w.runs()
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(receiver.Close)
	_, hook := w.endpoint(receiver.URL, "")
	b := w.browse(t)
	for _, step := range []struct{ address, button, reason, want string }{
		{w.delivery("failed"), "Redrive", "they wait", "SELECT due_at <= now() FROM contrail.deliveries WHERE channel = 'failed'"},
		{w.delivery("failed"), "Cancel", "paid by phone", "SELECT state = 'cancelled' FROM contrail.deliveries WHERE channel = 'failed'"},
		{w.delivery("mail"), "Recover", "", "SELECT state = 'failed' FROM contrail.deliveries WHERE channel = 'mail' ORDER BY id DESC LIMIT 1"},
		{hook, "Test", "", "SELECT outcome = 'done' FROM contrail.audit WHERE action = 'webhook.test'"},
		{hook, "Disable", "they move", "SELECT state = 'disabled' FROM contrail.webhooks ORDER BY id DESC LIMIT 1"},
		{hook, "Enable", "they are back", "SELECT state = 'enabled' FROM contrail.webhooks ORDER BY id DESC LIMIT 1"},
		{"/runs/orders%2Fhalted", "Retry", "looked at it", "SELECT state = 'ready' FROM contrail.runs WHERE key = 'orders/halted'"},
		{"/runs/orders%2Fwaiting", "Cancel", "not needed", "SELECT state <> 'waiting' FROM contrail.runs WHERE key = 'orders/waiting'"},
		{"/runs/orders%2Fretrying", "Abandon", "gone", "SELECT state = 'cancelled' FROM contrail.runs WHERE key = 'orders/retrying'"},
	} {
		b.open(step.address)
		b.decide(step.button, step.reason)
		b.until(`location.pathname.startsWith("/audit/")`)
		require.True(t, value[bool](w, step.want), "%s of %s: %s", step.button, step.address, b.text("main"))
	}
	b.open(hook)
	b.decide("Rotate the secret", "")
	b.until(`location.pathname.endsWith("/rotate")`)
	secret := evaluate[string](b, `document.querySelector("input[readonly]").value`)
	require.Equal(t, value[string](w, `SELECT secret FROM contrail.webhooks ORDER BY id DESC LIMIT 1`), secret)
	b.accessible()
	b.open("/audit")
	require.NotContains(t, b.text("body"), secret)
}

// decide opens a button that asks, says why where it asks for that, and presses the one that does it.
func (b *tab) decide(button, reason string) {
	b.Helper()
	quoted, err := json.Marshal([]string{button, reason})
	require.NoError(b, err)
	b.until(`((q) => {
		const asks = [...document.querySelectorAll("details.confirm > summary")].find((e) => e.textContent.trim() === q[0]);
		if (!asks) return false;
		if (!asks.parentElement.open) asks.click();
		return asks.parentElement.open;
	})(` + string(quoted) + `)`)
	b.until(`((q) => {
		const open = [...document.querySelectorAll("details.confirm[open]")].find((e) => e.querySelector("summary").textContent.trim() === q[0]);
		const why = open && open.querySelector("[name=reason]");
		if (!open) return false;
		if (why) why.value = q[1];
		open.querySelector("form button").click();
		return true;
	})(` + string(quoted) + `)`)
}
