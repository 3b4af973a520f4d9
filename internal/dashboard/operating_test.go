//go:build !race

package dashboard_test

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// examine looks at a page as a person and as axe does, wide and on a phone.
func (b *tab) examine(path, name, text string) {
	b.Helper()
	b.do(b.width(1280))
	b.open(path)
	b.sees("main", text)
	b.accessible()
	b.fits()
	b.shoot(name)
	b.do(b.width(390))
	b.fits()
	b.accessible()
	b.shoot(name + "-phone")
	b.do(b.width(1280))
}

// Every page about what is operated is as it should be, with data in every state.
func TestOperatingPagesInABrowser(t *testing.T) {
	t.Parallel()
	w := seeded(t)
	b := w.browse(t)
	stream := w.relayList().Streams[0]
	b.examine("/relays", "relays", stream.Relays[0].Identity)
	b.examine("/relays/"+stream.Relays[0].ID, "relay", "ack_timeout")
	b.examine("/consumers", "consumers", "statement")
	b.examine("/consumers/billing", "consumer", "Settled to")
	b.examine("/consumers/billing/reset?to=beginning&forget=yes", "consumer-reset", "What it would do")
	b.examine("/consumers/billing/replay", "consumer-replay", "First position")
	b.examine("/projections/statement", "projection", "Active process")
	b.examine("/dead-letters", "letters", "events wait for a person")
	letter := w.letters("").ids()[0]
	b.examine("/dead-letters/"+number(letter), "letter", "Its journey")
	b.examine("/dead-letters/requeue?which=all", "letters-requeue", "will be handled again")
	b.examine("/parked?state=parked&state=held&state=discarded&state=published", "parked", "letter-1")
	parked := w.parked("?state=parked").positions()[0]
	b.examine("/parked/EVENTS/"+number(parked), "parked-event", "Held behind it")
	b.examine("/parked/discard?which=all", "parked-discard", "left out for good")
}

// What is told changes without a reload, and neither a form that is open, nor the focus, nor a box that is ticked is disturbed by it.
func TestOperatingPagesAreLive(t *testing.T) {
	t.Parallel()
	w := seeded(t)
	b := w.browse(t)
	id := w.relayList().Streams[0].Relays[0].ID
	var relay struct {
		Published uint64 `json:"published"`
	}
	w.eventually(func() bool {
		w.json("/relays/"+id, &relay)
		return relay.Published > 0
	})
	b.open("/relays/" + id)
	b.do(chromedp.Focus(chromedp.CSS("details.confirm > summary")), chromedp.KeyEvent("\r"))
	b.until(`document.querySelector("details.confirm").open`)
	for range 100 {
		w.append("invoice-9", "InvoiceDrafted", `{}`)
	}
	b.until(`Number([...document.querySelectorAll(".facts > div")].find((e) => e.textContent.includes("Published")).querySelector("dd").textContent.split(" ")[0]) >= ` +
		number(relay.Published+100))
	b.until(`document.querySelector("details.confirm").open && document.activeElement === document.querySelector("details.confirm > summary")`)

	b.open("/dead-letters")
	b.click(`input[name="row"]`)
	w.append("order-9", poisonType, `{}`)
	b.sees(".lead", "3 events wait for a person")
	b.until(`document.querySelector('input[name="row"]').checked`)
}

// Each action, by its buttons, ends at the entry that tells its results.
func TestOperatingActionsInABrowser(t *testing.T) {
	t.Parallel()
	w := seeded(t)
	b := w.browse(t)
	told := func(text string) {
		t.Helper()
		b.until(`location.pathname.startsWith("/audit/")`)
		b.sees("main", text)
	}
	b.open("/relays")
	b.fill(`form[action$="EVENTS/pause"] [name=reason]`, "the broker moves house")
	b.choose("Pause the stream")
	told("stream EVENTS")
	b.open("/relays")
	b.sees("main", "by local@dashboard: the broker moves house")
	b.choose("Resume the stream")
	told("is resumed")

	id := ""
	for _, relay := range w.relayList().Streams[0].Relays {
		if relay.Does == "standby" {
			id = relay.ID
		}
	}
	require.NotEmpty(t, id)
	for _, button := range []string{"Dump goroutines", "Pause", "Resume", "Stop"} {
		b.open("/relays/" + id)
		b.choose(button)
		told("relay " + w.identity(id))
	}

	b.open("/consumers/billing")
	b.choose("Pause")
	told("is paused until somebody resumes it")
	b.open("/consumers/billing")
	b.click(`form[action$="/resume"] button`)
	told("its events are delivered again")
	b.open("/consumers/billing/reset?to=new")
	b.fill(`form.ask [name=reason]`, "skip them")
	b.click("form.ask button")
	told("goes on with what is new")
	b.open("/consumers/billing/replay?step=confirm&first=1&last=2")
	b.fill(`form.ask [name=reason]`, "again")
	b.click("form.ask button")
	told("sent; its page tells")

	b.open("/projections/statement")
	b.choose("Pause")
	told("its read model changes no more")
	b.open("/projections/statement")
	b.click(`form[action$="/resume"] button`)
	told("projection statement")
}

// The two steps of a decision, with the keyboard alone where it is about ticking.
func TestDecideInABrowser(t *testing.T) {
	t.Parallel()
	w := seeded(t)
	b := w.browse(t)
	b.open("/dead-letters")
	b.click(`[data-all="row"]`)
	b.sees(`[data-count="row"]`, number(uint64(len(w.letters("").ids()))))
	b.click(`form#rows button[value=selected]`)
	b.landed("/dead-letters/requeue", "will be handled again")
	b.fill(`form.ask [name=reason]`, "fixed in 1.2")
	b.click("form.ask button")
	b.until(`location.pathname.startsWith("/audit/")`)
	b.sees("main", "is requeued to billing")
	b.sees("main .lead", "It is done.")

	w.eventually(func() bool { return len(w.letters("").ids()) > 0 }) // they fail again
	b.open("/dead-letters/" + number(w.letters("").ids()[0]))
	b.fill(`form[action$="/discard"] [name=reason]`, "nobody needs it")
	b.choose("Discard")
	b.until(`location.pathname.startsWith("/audit/")`)
	b.sees("main", "It is done.")

	b.open("/parked?state=parked")
	b.click(`input[name="row"]`)
	b.click(`form#rows button[value=selected]`)
	b.landed("/parked/requeue", "will be published at its end")
	b.click("form.ask button")
	b.until(`location.pathname.startsWith("/audit/")`)
	b.sees("main", "position ")
	b.sees("main .lead", "It is done.")
}

// A second click, before the answer to the first is there, does nothing.
func TestPostedOnce(t *testing.T) {
	t.Parallel()
	b := newWorld(t).browse(t)
	b.open("/health")
	b.until(`(() => {
		const form = document.querySelector('form[action="/health/examine"]'), refused = [];
		document.addEventListener("submit", (event) => { refused.push(event.defaultPrevented); event.preventDefault(); });
		form.requestSubmit();
		form.requestSubmit();
		return refused.join() === "false,true";
	})()`)
}

// choose presses a button that asks, and then the one that does it. It finds them by their text each time: the live part of the page may be another one by then.
func (b *tab) choose(button string) {
	b.Helper()
	quoted, err := json.Marshal(button)
	require.NoError(b, err)
	asks := `[...document.querySelectorAll("details.confirm > summary")].find((e) => e.textContent.trim() === ` + string(quoted) + `)`
	b.until(asks)
	b.until(`((e) => { if (!e.parentElement.open) e.click(); return e.parentElement.open; })(` + asks + `)`)
	b.until(`((e) => { e.parentElement.querySelector("button").click(); return true; })(` + asks + `)`)
}

// landed waits until a click has led to a page that says so.
func (b *tab) landed(path, text string) {
	b.Helper()
	b.until(`location.pathname === "` + path + `" && document.documentElement.dataset.ready === "yes"`)
	b.sees("main", text)
}

// identity is a relay's.
func (w *world) identity(id string) string {
	w.Helper()
	return value[string](w, `SELECT coalesce((SELECT identity FROM contrail.relay_processes WHERE id = $1), '')`, id)
}

func number[N int64 | uint64](n N) string { return strconv.FormatUint(uint64(n), 10) }
