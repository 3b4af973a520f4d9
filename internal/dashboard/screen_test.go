//go:build !race

package dashboard_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/dashboard"
)

// The overview tells how things stand, and goes on telling without being loaded again; what is open stays open.
func TestOverviewInTheBrowser(t *testing.T) {
	t.Parallel()
	w := seeded(t)
	b := w.browse(t)
	b.open("/")
	b.sees("h1", "Overview")
	b.sees("dl.figures", "Leader relay-1")
	b.sees("dl.figures", "1 standing by")
	b.sees("ul.problems", "dead letters")
	b.sees("table", consumerName)
	b.until(`document.querySelectorAll(".chart canvas").length === 4`)
	b.do(evaluated(`window.same = "same"; document.querySelector("main details").open = true`))
	before := evaluate[string](b, `document.querySelector("dl.figures").textContent`)
	w.append("invoice-77", "InvoiceIssued", `{}`)
	b.until(`document.querySelector("dl.figures").textContent.includes("Position` + dashboard.Number(value[int64](w, `SELECT max(position) FROM contrail.events`)) + `")`)
	require.NotEqual(t, before, evaluate[string](b, `document.querySelector("dl.figures").textContent`))
	require.Equal(t, "same", evaluate[string](b, `window.same`), "the page was not loaded again")
	require.True(t, evaluate[bool](b, `document.querySelector("main details").open`))
	b.accessible()
	b.shoot("overview")
	b.do(evaluated(`const s = document.getElementById("theme"); s.value = "dark"; s.dispatchEvent(new Event("change", {bubbles: true}))`))
	b.until(`getComputedStyle(document.body).backgroundColor === "rgb(20, 23, 28)"`)
	b.accessible()
	b.shoot("overview-dark")
	b.do(b.width(390))
	b.fits()
	b.accessible()
	b.shoot("overview-phone")
}

// Health and audit tell what they have, on a phone as well; an examination is written down and shown.
func TestHealthAndAuditInTheBrowser(t *testing.T) {
	t.Parallel()
	w := seeded(t)
	b := w.browse(t)
	b.open("/health")
	b.sees("h2", "Dangers")
	b.sees("li.problem", "webhooks")
	b.accessible()
	b.shoot("health")
	b.click(`form[action="/health/examine"] button`)
	b.sees("h1", "health.examine")
	b.sees(".lead", "It is done.")
	b.accessible()
	b.click(`main a.button`)
	b.sees("h1", "Health")
	w.exec(`INSERT INTO contrail.audit (who, role, action, target, reason, outcome, results, error) VALUES ('ada', 'operator', 'x.y', $$` + hostileText + `$$, $$` + hostileText + `$$, 'begun',
		jsonb_build_array(jsonb_build_object('what', $$` + hostileText + `$$, 'outcome', 'failed', 'detail', 'no')), $$` + hostileText + `$$)`)
	b.open("/audit")
	b.sees("td", "alert('x')")
	b.accessible()
	b.shoot("audit")
	b.click(`tbody th a`)
	b.sees("p.lead", "It goes on")
	b.accessible()
	b.do(b.width(390))
	b.fits()
	b.shoot("audit-entry-phone")
	w.exec(`UPDATE contrail.audit SET outcome = 'partial', ended_at = now() WHERE who = 'ada'`)
	b.sees("p.lead", "Some of it is done") // by itself
	b.open("/audit?who=nobody")
	b.sees(".empty", "No action is as you ask.")
	b.open("/audit")
	b.fits()
}

// Who has no mouse comes everywhere: first past the navigation, and what is in focus can be seen.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browse(t)
	b.open("/audit")
	b.types("\t")
	require.Equal(t, "Skip to the content", evaluate[string](b, `document.activeElement.textContent`))
	require.GreaterOrEqual(t, evaluate[float64](b, `document.activeElement.getBoundingClientRect().left`), 0.0, "it can be seen")
	b.types("\r")
	b.until(`document.activeElement.id === "main"`)
	b.types("\t")
	require.Equal(t, "who", evaluate[string](b, `document.activeElement.name`))
	require.NotEqual(t, "none", evaluate[string](b, `getComputedStyle(document.activeElement).outlineStyle`))
	b.types("ada")
	b.types("\r")
	b.until(`location.search.includes("who=ada")`)
	b.sees(".empty", "No action is as you ask.")
	require.Equal(t, "Audit", evaluate[string](b, `document.querySelector("[aria-current=page]").textContent`))
	zone := evaluate[string](b, `Intl.DateTimeFormat().resolvedOptions().timeZone`)
	require.True(t, zone == "UTC" || evaluate[bool](b, `[...document.querySelectorAll("#zones option")].some((o) => o.value === "`+zone+`")`))
	b.do(evaluated(`document.getElementById("theme").value = "dark"`))
	b.click(`form[action="/preferences"] button`)
	b.until(`document.documentElement.dataset.theme === "dark"`)
}

// Who has to log in does so, and comes where they wanted to; a live page says when it is not live any more.
func TestLoginInTheBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, guarded, func(c *dashboard.Config) { c.UsersFile = users(t) })
	b := w.browse(t)
	b.excused("401 (Unauthorized)")
	b.excused("429")
	b.open("/audit?who=x")
	b.sees("h1", "Log in")
	b.accessible()
	b.shoot("login")
	b.fill("#name", "ada")
	b.fill("#password", "wrong password")
	b.click("form.login button")
	b.sees(".trouble", "The name, the password or the token is wrong.")
	require.Equal(t, "ada", evaluate[string](b, `document.getElementById("name").value`))
	b.accessible()
	b.fill("#password", password)
	b.click("form.login button")
	b.until(`location.pathname + location.search === "/audit?who=x"`)
	b.sees("footer", "ada, operator")
	b.open("/")
	b.sees("h1", "Overview")
	b.click(`form[action="/logout"] button`)
	b.sees("h1", "Log in")
	b.do(b.width(390))
	b.fits()
}
