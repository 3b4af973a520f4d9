package dashboard_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/dashboard"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// streamList is the JSON form of a page of streams.
type streamList struct {
	Items []struct {
		Stream  string `json:"stream"`
		Version int64  `json:"version"`
		Type    string `json:"type"`
	} `json:"items"`
	Categories []string `json:"categories"`
	Newer      string   `json:"newer"`
	Older      string   `json:"older"`
	Looked     string   `json:"looked"`
}

func (l streamList) names() (names []string) {
	for _, item := range l.Items {
		names = append(names, item.Stream)
	}
	return names
}

// streamNames are awkward: they share beginnings, and languages sort them otherwise than bytes.
func streamNames() []string {
	return []string{
		"Invoice-1", "invoice-1", "invoice-10", "invoice-2", "invoice-A", "invoice-a/b", "invoice-é", "invoice2-1", "invoice2-2", "invoice_x-1", "order-1", "order-%2F", "z-1",
	}
}

func (w *world) awkwardStreams() {
	w.Helper()
	for _, name := range streamNames() {
		w.append(name, "Begun", `{}`)
		w.append(name, "Ended", `{}`)
	}
}

func (w *world) walkStreams(t *testing.T) {
	t.Helper()
	for category, count := range map[string]int{"": len(streamNames()), "invoice": 6, "invoice2": 2, "invoice_x": 1, "Invoice": 1, "order": 2, "none": 0} {
		var want, down, up []string
		for _, name := range streamNames() {
			if category == "" || strings.HasPrefix(name, category+"-") {
				want = append(want, name)
			}
		}
		require.Len(t, want, count)
		var page streamList
		for before, first := "", true; first || before != ""; first = false {
			page = streamList{}
			w.json("/streams?limit=2&category="+category+"&before="+urlQuery(before), &page)
			down, before = append(down, page.names()...), page.Older
		}
		require.ElementsMatch(t, want, down, "%q", category)
		up = page.names()
		for page.Newer != "" {
			after := page.Newer
			page = streamList{}
			w.json("/streams?limit=2&category="+category+"&after="+urlQuery(after), &page)
			up = append(page.names(), up...)
		}
		require.Equal(t, down, up, "%q", category)
		require.Equal(t, []string{"Invoice", "invoice", "invoice2", "invoice_x", "order", "z"}, slices.Sorted(slices.Values(page.Categories)))
	}
}

func urlQuery(text string) string {
	return strings.NewReplacer("%", "%25", "&", "%26", "+", "%2B", " ", "%20").Replace(text)
}

func TestStreamsAreListedByKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.awkwardStreams()
	w.walkStreams(t)
	var page streamList
	w.json("/streams?prefix=invoice-1", &page)
	require.Equal(t, []string{"invoice-1", "invoice-10"}, page.names())
	require.Equal(t, int64(2), page.Items[0].Version)
	require.Equal(t, "Ended", page.Items[0].Type)
}

// In a database that sorts as a language does, streams of other categories stand between those of one.
func TestStreamsAreListedInAnyOrderOfNames(t *testing.T) {
	t.Parallel()
	address := pgtest.Empty(t)
	w := &world{T: t, logged: &logs{}}
	admin, err := pgxpool.New(t.Context(), address)
	require.NoError(t, err)
	name := admin.Config().ConnConfig.Database + "_icu"
	_, err = admin.Exec(t.Context(), `CREATE DATABASE `+name+` TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en' LOCALE 'C'`)
	require.NoError(t, err)
	config := admin.Config()
	config.ConnConfig.Database = name
	w.pool, err = pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() {
		w.pool.Close()
		_, err := admin.Exec(context.WithoutCancel(t.Context()), `DROP DATABASE `+name)
		require.NoError(t, err)
		admin.Close()
	})
	_, err = eventstore.Migrate(t.Context(), w.pool)
	require.NoError(t, err)
	w.js, w.server = natstest.JetStream(t)
	w.store, err = eventstore.New(eventstore.Config{})
	require.NoError(t, err)
	w.serve(func(*dashboard.Config) {})
	w.awkwardStreams()
	w.walkStreams(t)
}

func TestStreamHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 5 {
		w.append("invoice-a/b", "Updated", `{}`)
	}
	w.exec(`INSERT INTO contrail.snapshots (stream, name, schema, version, event_id, state, key_ids)
		SELECT stream, 'totals', 3, version, id, '{"total": "<b>7</b>"}', '{}' FROM contrail.events WHERE version = 4`,
		`INSERT INTO contrail.snapshots (stream, name, schema, version, event_id, state, key_ids)
		SELECT stream, 'persons', 1, version, id, '{"name": "Ada"}', '{k-1}' FROM contrail.events WHERE version = 4`)
	const path = "/streams/invoice-a%2Fb"
	require.Equal(t, []int64{5, 4, 3, 2, 1}, w.searched(path).positions())
	for order, want := range map[string][]int64{"": {5, 4, 3, 2, 1}, "oldest": {1, 2, 3, 4, 5}} {
		page := w.searched(path, "limit", "2", "order", order)
		all, next := page.positions(), page.Older
		if order == "oldest" {
			next = page.Newer
		}
		for next != "" {
			key := "before"
			if order == "oldest" {
				key = "after"
			}
			page = w.searched(path, "limit", "2", "order", order, key, next)
			all = append(all, page.positions()...)
			if next = page.Older; order == "oldest" {
				next = page.Newer
			}
		}
		require.Equal(t, want, all, order)
	}
	text := w.page(path)
	require.Contains(t, text, "&lt;b&gt;7&lt;/b&gt;")
	require.NotContains(t, text, "Ada", "a state that is made of encrypted events is not shown")
	require.NotContains(t, w.get(path, accepting("application/json")).body, "Ada")
	require.Equal(t, http.StatusNotFound, w.get("/streams/invoice-9").StatusCode)
	require.Equal(t, http.StatusNotFound, w.get("/streams/nonsense").StatusCode)
}
