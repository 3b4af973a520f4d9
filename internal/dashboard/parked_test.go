package dashboard_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// parkedPage is the JSON form of the list.
type parkedPage struct {
	Items []struct {
		Position int64  `json:"position"`
		State    string `json:"state"`
		Holds    int64  `json:"holds"`
	} `json:"items"`
	Newer  string           `json:"newer"`
	Older  string           `json:"older"`
	Relay  string           `json:"relay"`
	Counts map[string]int64 `json:"counts"`
}

func (p parkedPage) positions() []int64 {
	positions := []int64{}
	for _, item := range p.Items {
		positions = append(positions, item.Position)
	}
	return positions
}

func (w *world) parked(query string) (page parkedPage) {
	w.Helper()
	w.json("/parked"+query, &page)
	return page
}

// sidings has events that a relay has left out: so many streams with one parked event each, and one that is held behind it.
func sidings(t *testing.T, streams int) *world {
	t.Helper()
	w := newWorld(t)
	w.exec(`INSERT INTO contrail.relays (stream, position, sequence) VALUES ('EVENTS', 1000000, 1000)`)
	for stream := range streams {
		for _, state := range []string{"parked", "held"} {
			event := w.append(fmt.Sprintf("invoice-%d", stream+1), "InvoiceIssued", `{"n": 1}`)
			reason := map[string]string{"parked": "message_too_large", "held": "held"}[state]
			w.leave(int64(event.Position), state, reason)
		}
	}
	return w
}

// leave writes what a relay writes when it goes past an event.
func (w *world) leave(position int64, state, reason string) {
	w.Helper()
	w.exec(fmt.Sprintf(`INSERT INTO contrail.parked (relay, position, stream, state, reason, error, attempts, changed_by)
		SELECT 'EVENTS', position, stream, '%s', '%s', 'nats: maximum payload exceeded', 8, 'relay-1:42' FROM contrail.events WHERE position = %d`, state, reason, position))
}

func TestNothingIsParked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text := w.page("/parked")
	require.Contains(t, text, "No event of stream <bdi>EVENTS</bdi> waits for a person.")
	require.Contains(t, text, "No event is parked: whatever is settled is published")
	require.Contains(t, w.page("/parked?reason=held"), "No event matches.")
	require.Equal(t, http.StatusNotFound, w.get("/parked/EVENTS/1").StatusCode)
	require.Equal(t, http.StatusNotFound, w.get("/parked/EVENTS/x").StatusCode)
	require.Equal(t, http.StatusBadRequest, w.get("/parked?state=lost").StatusCode)
	require.Equal(t, http.StatusBadRequest, w.get("/parked/requeue?which=some").StatusCode)
}

func TestParkedIsPagedByKey(t *testing.T) {
	t.Parallel()
	w := sidings(t, 4)
	page := w.parked("?limit=3")
	require.Equal(t, []int64{8, 7, 6}, page.positions())
	require.Equal(t, []int64{0, 1, 0}, []int64{page.Items[0].Holds, page.Items[1].Holds, page.Items[2].Holds})
	require.Equal(t, []string{"", "6"}, []string{page.Newer, page.Older})
	require.Equal(t, int64(4), page.Counts["parked"])
	page = w.parked("?limit=3&before=6")
	require.Equal(t, []int64{5, 4, 3}, page.positions())
	require.Equal(t, []string{"5", "3"}, []string{page.Newer, page.Older})
	require.Equal(t, []int64{8, 7, 6}, w.parked("?limit=3&after=5").positions())
	require.Empty(t, w.parked("?limit=3&after=5").Newer)
	require.Equal(t, []int64{1, 2, 3}, w.parked("?limit=3&order=oldest").positions())
	require.Equal(t, []int64{7, 5, 3, 1}, w.parked("?state=parked").positions())
	require.Equal(t, []int64{4, 3}, w.parked("?stream=invoice-2").positions())
	require.Empty(t, w.parked("?category=order").positions())
	require.Empty(t, w.parked("?relay=OTHER").positions())
}

func TestOneParkedEvent(t *testing.T) {
	t.Parallel()
	w := sidings(t, 1)
	text := w.page("/parked/EVENTS/1")
	for _, part := range []string{"larger than the server", "Raise the limit that the error names, and requeue it", "maximum payload exceeded", `href="/parked/EVENTS/2"`, "InvoiceIssued"} {
		require.Contains(t, text, part)
	}
	text = w.page("/parked/EVENTS/2")
	require.Contains(t, text, "Requeue or discard what it is held behind, at position 1.")
	require.NotContains(t, text, `action="/parked/requeue"`, "what is held follows by itself")
	require.Contains(t, text, `action="/parked/discard"`)
	for state, advice := range map[string]string{
		"requeued": "that can be taken back", "published": "nothing left to do", "discarded": "If it shall be after all, requeue it.",
	} {
		w.exec(`UPDATE contrail.parked SET state = '` + state + `' WHERE position = 1`)
		require.Contains(t, w.page("/parked/EVENTS/1"), advice)
	}
	require.Contains(t, w.page("/parked/EVENTS/2"), "Nothing holds it any more")
	w.exec(`INSERT INTO contrail.parked (relay, position, stream, state, reason, changed_by) VALUES ('EVENTS', 900, 'invoice-9', 'parked', 'missing', 'relay-1:42')`)
	require.Contains(t, w.page("/parked/EVENTS/900"), "The store does not have this event.")
}

func TestRequeueSelectedEvents(t *testing.T) {
	t.Parallel()
	w := sidings(t, 3)
	rows := boxes(t, w.page("/parked"), 1, 3)
	query := "?" + url.Values{"which": {"selected"}, "row": rows}.Encode()
	text := w.page("/parked/requeue" + query)
	require.Contains(t, text, "<strong>2 events</strong> of stream <bdi>EVENTS</bdi> will be published at its end")
	require.Contains(t, text, "2 events that are held behind them follow by themselves.")
	told := w.decide("/parked/requeue", query, "reason", "max_payload is 8 MB now")
	require.Equal(t, "done", told.Outcome, "%+v", told)
	require.Equal(t, "position 1", told.Results[0].What)
	require.Equal(t, "requeued", value[string](w, `SELECT state FROM contrail.parked WHERE position = 3`))
	require.Equal(t, "local@dashboard max_payload is 8 MB now", value[string](w, `SELECT changed_by || ' ' || note FROM contrail.parked WHERE position = 3`))

	// Somebody else, who has looked at the list for a while, is told, and changes nothing.
	require.Contains(t, w.page("/parked/requeue"+query), "have changed since the list was shown")
	told = w.auditOf(w.act("/parked/discard", "which", "selected", "row", rows[0], "reason", "no").Audit)
	require.Equal(t, "refused", told.Outcome, "%+v", told)
	require.Equal(t, "requeued", value[string](w, `SELECT state FROM contrail.parked WHERE position = 1`))

	told = w.decide("/parked/withdraw", "?which=selected&row=1")
	require.Equal(t, "done", told.Outcome, "%+v", told)
	require.Equal(t, "parked", value[string](w, `SELECT state FROM contrail.parked WHERE position = 1`))
}

func TestDecideAboutTheParkedPageAndAll(t *testing.T) {
	t.Parallel()
	w := sidings(t, 6)
	told := w.decide("/parked/discard", "?which=page&first=1&last=4", "reason", "a test")
	require.Equal(t, "done", told.Outcome, "%+v", told)
	require.Len(t, told.Results, 2, "the held ones are meant only by their state")
	told = w.decide("/parked/discard", "?which=page&first=1&last=4&state=held", "reason", "a test")
	require.Len(t, told.Results, 2, "%+v", told)

	page := w.page("/parked/requeue?which=all&reason=message_too_large&stream=invoice-5")
	require.Contains(t, page, "<strong>1 event</strong>")
	told = w.auditOf(w.act("/parked/requeue", hidden(t, page, "/parked/requeue")...).Audit)
	require.Len(t, told.Results, 1)

	page = w.page("/parked/requeue?which=all")
	require.Contains(t, page, "<strong>3 events</strong>")
	later := w.append("invoice-99", "InvoiceIssued", `{}`)
	w.leave(int64(later.Position), "parked", "refused")
	told = w.auditOf(w.act("/parked/requeue", hidden(t, page, "/parked/requeue")...).Audit)
	require.Len(t, told.Results, 3, "what comes behind the confirmation is not meant")
	require.Equal(t, 1, value[int](w, `SELECT count(*) FROM contrail.parked WHERE state = 'parked'`))

	require.Contains(t, w.page("/parked/withdraw?which=all&state=requeued"), "<strong>4 events</strong>")
	require.Equal(t, http.StatusBadRequest, w.get("/parked/requeue?which=all&state=published").StatusCode)
	require.Contains(t, w.auditOf(w.act("/parked/discard", "which", "all", "last", "9").Audit).Error, "no reason is given")
}

// More than a batch is decided about batch by batch, and told in bounded length.
func TestDecideInBatches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(`INSERT INTO contrail.relays (stream, position, sequence) VALUES ('EVENTS', 1000000, 1000)`,
		`INSERT INTO contrail.parked (relay, position, stream, state, reason, changed_by)
			SELECT 'EVENTS', n, 'invoice-' || n, 'parked', 'refused', 'relay-1:42' FROM generate_series(1, 2500) AS n`)
	told := w.decide("/parked/requeue", "?which=all")
	require.Equal(t, "done", told.Outcome)
	require.Equal(t, 2500, value[int](w, `SELECT count(*) FROM contrail.parked WHERE state = 'requeued'`))
	require.Len(t, told.Results, 501)
	require.Equal(t, "2000 more events", told.Results[500].What)
}
