package dashboard_test

import (
	"encoding/json"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/contrail-events/contrail/internal/dashboard"
)

// Every page of the seeded stack that needs no key has all its forms, and well-formed HTML in which what hostile events say is text. Each entry of the
// navigation is a page.
func TestEveryPageHasItsForms(t *testing.T) {
	t.Parallel()
	w := seeded(t)
	found := map[string]bool{}
	for _, route := range w.dashboard.Pages() {
		found[route.Pattern] = true
		if strings.Contains(route.Pattern, "{") && route.Pattern != "/{$}" {
			require.Contains(t, dashboard.Sections(), route.Section, route.Pattern)
			continue
		}
		query := ""
		if slices.Contains([]string{"requeue", "discard", "withdraw"}, path.Base(route.Pattern)) {
			query = "which=all&" // what is decided about
		}
		page := w.page(route.Address + "?" + query)
		_, err := html.Parse(strings.NewReader(page))
		require.NoError(t, err)
		require.NotContains(t, page, "<script>alert", route.Address)
		require.NotContains(t, page, "<img src=x", route.Address)
		require.NotContains(t, page, "\u202e", route.Address)
		require.NotContains(t, page, "\u0007", route.Address)
		require.Equal(t, route.Live, strings.Contains(page, `sse-connect="`), "%s: its live part", route.Address)
		require.Equal(t, 1, strings.Count(page, "<h1>"), route.Address)
		var view any
		w.json(route.Address+"?"+query, &view)
		require.NotNil(t, view, route.Address)
		got := w.get(route.Address + "?" + query + "format=json")
		require.Equal(t, "application/json", got.Header.Get("Content-Type"))
		require.True(t, json.Valid([]byte(got.body)), route.Address)
		if route.Live {
			events, leave := w.follow(route.Address + "?live=1")
			w.next(events)
			require.Contains(t, w.next(events), "event: live\n", route.Address)
			leave()
		}
	}
	for _, section := range dashboard.Sections() {
		require.True(t, found[section] || section == "/" && found["/{$}"], "%s is no page", section)
	}
}

// What is not there is told as such, in each form.
func TestNotFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, address := range []string{"/nowhere", "/audit/17", "/audit/x", "/static/0000000000000000/contrail.css"} {
		require.Equal(t, http.StatusNotFound, w.get(address).StatusCode, address)
	}
	got := w.get("/audit/17", accepting("application/json"))
	require.JSONEq(t, `{"status": 404, "error": "there is no audit entry 17: it may have been removed, or the address is mistyped"}`, got.body)
	for _, address := range []string{"/audit?limit=0", "/audit?limit=501", "/audit?before=x", "/audit?after=1&before=2", "/audit?outcome=fine", "/audit?from=monday", "/series?minutes=61", "/?minutes=x"} {
		require.Equal(t, http.StatusBadRequest, w.get(address).StatusCode, address)
	}
}

// Times are shown in the zone that somebody has chosen, and the page looks as they like.
func TestPreferences(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(`INSERT INTO contrail.audit (began_at, who, role, action, target) VALUES ('2026-07-01 12:00:00Z', 'ada', 'operator', 'x.y', 'z')`)
	require.Contains(t, w.page("/audit"), `<time datetime="2026-07-01T12:00:00.000Z" title="2026-07-01 12:00:00.000 UTC">2026-07-01 12:00:00</time>`)
	w.remember()
	got := w.post("/preferences", "zone", "Asia/Tokyo", "theme", "dark", "from", "/audit")
	require.Equal(t, "/audit", got.Header.Get("Location"))
	page := w.page("/audit")
	require.Contains(t, page, ">2026-07-01 21:00:00</time>")
	require.Contains(t, page, `<html lang="en" data-theme="dark">`)
	require.Contains(t, w.page("/audit?from=2026-07-01T20:59&to=2026-07-01T21:01"), "x.y", "times of the query are of the zone")
	require.NotContains(t, w.page("/audit?from=2026-07-01T21:01"), "x.y")
	for _, zone := range []string{"", "Nowhere/City", "../../etc/passwd", "Local", strings.Repeat("x", 100)} {
		w.post("/preferences", "zone", zone)
		require.Contains(t, w.page("/audit"), ">2026-07-01 12:00:00</time>", zone)
	}
	require.Equal(t, "/", w.post("/preferences", "from", "//evil.example").Header.Get("Location"))
}

// The log is read in parts, by key, in both directions, and by who, what, how and when.
func TestAuditPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.Contains(t, w.page("/audit"), "Nobody has done anything yet.")
	w.exec(`INSERT INTO contrail.audit (who, role, action, target, outcome, ended_at) SELECT CASE n % 2 WHEN 0 THEN 'ada' ELSE 'bob' END, 'operator', 'relay.' || n % 3, 'n ' || n,
		CASE n % 5 WHEN 0 THEN 'failed' ELSE 'done' END, now() FROM generate_series(1, 10) n`)
	type list struct {
		Items        []struct{ ID int64 }
		Newer, Older string
	}
	ask := func(query string) (ids []int64, newer, older string) {
		var read list
		w.json("/audit?limit=4"+query, &read)
		for _, item := range read.Items {
			ids = append(ids, item.ID)
		}
		return ids, read.Newer, read.Older
	}
	for _, c := range []struct {
		query        string
		ids          []int64
		newer, older string
	}{
		{"", []int64{10, 9, 8, 7}, "", "7"},
		{"&before=7", []int64{6, 5, 4, 3}, "6", "3"},
		{"&before=3", []int64{2, 1}, "2", ""},
		{"&after=2", []int64{6, 5, 4, 3}, "6", "3"},
		{"&after=6", []int64{10, 9, 8, 7}, "", "7"},
		{"&who=ada", []int64{10, 8, 6, 4}, "", "4"},
		{"&who=ada&action=relay.2", []int64{8, 2}, "", ""},
		{"&action=relay.", []int64{10, 9, 8, 7}, "", "7"},
		{"&outcome=failed", []int64{10, 5}, "", ""},
		{"&who=nobody", nil, "", ""},
	} {
		ids, newer, older := ask(c.query)
		require.Equal(t, c.ids, ids, c.query)
		require.Equal(t, []string{c.newer, c.older}, []string{newer, older}, c.query)
	}
	page := w.page("/audit?limit=4&before=7&who=")
	require.Contains(t, page, `href="/audit?after=6&amp;limit=4&amp;who="`)
	require.Contains(t, page, `href="/audit?before=3&amp;limit=4&amp;who="`)
	require.Contains(t, w.page("/audit?who=nobody"), "No action is as you ask.")
}

// The doctor is asked once a minute, whoever looks.
func TestHealth(t *testing.T) {
	t.Parallel()
	at := &clock{}
	w := newWorld(t, func(c *dashboard.Config) { c.Now = at.now })
	var first, second struct {
		At       string
		Dangers  int
		Findings []struct{ Check, Severity string }
	}
	w.json("/health", &first)
	require.NotEmpty(t, first.Findings)
	w.json("/health", &second)
	require.Equal(t, first.At, second.At)
	told := w.act("/health/examine")
	require.Equal(t, "done", told.Outcome)
	require.Contains(t, told.Results[0].Detail, "dangers")
	w.json("/health", &second)
	require.Equal(t, first.At, second.At, "a minute has not passed")
	w.exec(`INSERT INTO contrail.relays (stream) VALUES ('EVENTS')`)
	at.pass(61e9)
	w.json("/health", &second)
	require.NotEqual(t, first.At, second.At)
	require.Contains(t, w.page("/health"), "What contrail doctor has found")
}
