package dashboard_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// eventList is the JSON form of a page of events.
type eventList struct {
	Items []struct {
		Position  int64  `json:"position"`
		ID        string `json:"id"`
		Stream    string `json:"stream"`
		Version   int64  `json:"version"`
		Type      string `json:"type"`
		Encrypted bool   `json:"encrypted"`
	} `json:"items"`
	Newer  string         `json:"newer"`
	Older  string         `json:"older"`
	Looked map[string]any `json:"looked"`
}

func (l eventList) positions() []int64 {
	positions := []int64{}
	for _, item := range l.Items {
		positions = append(positions, item.Position)
	}
	return positions
}

// searched is a page of events.
func (w *world) searched(path string, pairs ...string) (list eventList) {
	w.Helper()
	query := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		query.Set(pairs[i], pairs[i+1])
	}
	w.json(path+"?"+query.Encode(), &list)
	return list
}

// ledger is a store with a few events: ten of two streams of a category, and others.
func ledger(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	for n := range 10 { // positions 1 to 10
		w.append(fmt.Sprintf("invoice-%d", n%2), []string{"Drafted", "Issued"}[n/5], `{}`, "tenant_id", "t-"+strconv.Itoa(n%3), "correlation_id", "c-"+strconv.Itoa(n%4))
	}
	w.append("order-1", "Placed", `{}`, "correlation_id", "c-0") // 11
	w.append("order-2", "Placed", `{}`)                          // 12
	return w
}

func TestEventsAreSearched(t *testing.T) {
	t.Parallel()
	w := ledger(t)
	id := value[string](w, `SELECT id::text FROM contrail.events WHERE position = 7`)
	past, future := time.Now().Add(-time.Hour).Format(time.RFC3339), time.Now().Add(time.Hour).Format(time.RFC3339)
	for _, test := range []struct {
		pairs []string
		want  []int64
	}{
		{nil, []int64{12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1}},
		{[]string{"stream", "invoice-1"}, []int64{10, 8, 6, 4, 2}},
		{[]string{"stream", "invoice-1", "type", "Issued"}, []int64{10, 8, 6}},
		{[]string{"stream", "invoice-1", "category", "order"}, nil},
		{[]string{"stream", "invoice-1", "correlation", "c-1"}, []int64{10, 6, 2}},
		{[]string{"stream", "invoice-1", "position", "7"}, []int64{6, 4, 2}},
		{[]string{"stream", "invoice-7"}, nil},
		{[]string{"category", "order"}, []int64{12, 11}},
		{[]string{"category", "invoice", "type", "Issued", "tenant", "t-0"}, []int64{10, 7}},
		{[]string{"type", "Placed"}, []int64{12, 11}},
		{[]string{"type", "Never"}, nil},
		{[]string{"tenant", "t-1"}, []int64{8, 5, 2}},
		{[]string{"correlation", "c-0"}, []int64{11, 9, 5, 1}},
		{[]string{"correlation", "c-0", "category", "invoice"}, []int64{9, 5, 1}},
		{[]string{"position", "3"}, []int64{3, 2, 1}},
		{[]string{"id", id}, []int64{7}},
		{[]string{"id", "01a203ed-6cd9-7550-add7-1d4f5cf31c88"}, nil},
		{[]string{"since", past, "until", future, "category", "order"}, []int64{12, 11}},
		{[]string{"since", future}, nil},
		{[]string{"until", past}, nil},
		{[]string{"until", past, "stream", "invoice-1"}, nil},
		{[]string{"since", "1h", "type", "Placed"}, []int64{12, 11}},
	} {
		require.ElementsMatch(t, test.want, w.searched("/events", test.pairs...).positions(), "%v", test.pairs)
	}
}

// A list is walked both ways by its keys, and each event comes once, whichever index it is read by.
func TestEventsArePagedBothWays(t *testing.T) {
	t.Parallel()
	w := ledger(t)
	for _, filter := range [][]string{nil, {"stream", "invoice-1"}, {"category", "invoice"}, {"correlation", "c-0"}, {"type", "Drafted"}, {"category", "invoice", "tenant", "t-1"}} {
		whole := w.searched("/events", filter...).positions()
		page := w.searched("/events", append(filter, "limit", "2")...)
		require.Empty(t, page.Newer, "%v: the first page is the newest", filter)
		down := page.positions()
		for page.Older != "" {
			page = w.searched("/events", append(filter, "limit", "2", "before", page.Older)...)
			down = append(down, page.positions()...)
		}
		require.Equal(t, whole, down, "%v", filter)
		up := page.positions()
		for page.Newer != "" {
			page = w.searched("/events", append(filter, "limit", "2", "after", page.Newer)...)
			up = append(page.positions(), up...)
		}
		require.Equal(t, whole, up, "%v", filter)
	}
}

// Times are found by bisection, also where positions are missing, and by the clock of the database.
func TestEventsAreFoundByTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.pool.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data, recorded_at)
		SELECT 'tick-' || g % 3, 1 + g / 3, 'Ticked', '{}', '2026-01-01 00:00:00+00'::timestamptz + make_interval(mins => g) FROM generate_series(0, 999) AS g`)
	require.NoError(t, err)
	w.exec(`SELECT setval('contrail.events_position_seq', 5000)`)
	w.exec(`INSERT INTO contrail.events (stream, version, type, data, recorded_at) VALUES ('tick-9', 1, 'Ticked', '{}', '2026-01-02 00:00:00+00')`)
	between := w.searched("/events", "since", "2026-01-01T01:00:00Z", "until", "2026-01-01T01:05:00Z").positions()
	require.Equal(t, []int64{65, 64, 63, 62, 61}, between)
	require.Equal(t, []int64{64, 61}, w.searched("/events", "stream", "tick-0", "since", "2026-01-01T01:00:00Z", "until", "2026-01-01T01:05:00Z").positions())
	require.Equal(t, []int64{5001}, w.searched("/events", "since", "2026-01-01T20:00:00Z").positions())
	require.Equal(t, []int64{5001, 1000}, w.searched("/events", "since", "2026-01-01T16:39:00Z").positions())
}

func TestEventSearchIsRefusedWithAllThatIsWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.get("/events?stream=x&category=a-b&type=9&id=y&position=-1&since=soon&until=2h&limit=0", accepting("application/json"))
	require.Equal(t, http.StatusBadRequest, got.StatusCode)
	for _, name := range []string{"stream", "category", "type", "id", "position", "since", "limit"} {
		require.Contains(t, got.body, name+" ")
	}
	require.Equal(t, http.StatusBadRequest, w.get("/events?since=1h&until=2h").StatusCode, "until is before since")
}

// An empty list says what to do.
func TestEventListsThatAreEmpty(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for path, text := range map[string]string{
		"/events": "contrail events append", "/events?type=Never": "Leave something out", "/streams": "contrail events append", "/streams?category=x": "No stream begins like this",
		"/deliveries": "subscribers/deliveries", "/deliveries?channel=mail": "Leave something out", "/webhooks": "contrail webhooks add",
		"/webhooks?tenant=x": "Leave something out", "/runs": "subscribers/steps", "/runs?workflow=x": "Leave something out",
	} {
		require.Contains(t, w.page(path), text, path)
	}
	require.Equal(t, []int64{}, w.searched("/events").positions())
}
