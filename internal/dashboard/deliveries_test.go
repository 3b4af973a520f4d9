package dashboard_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// deliveryList is the JSON form of a page of deliveries.
type deliveryList struct {
	Items []struct {
		ID       string `json:"id"`
		State    string `json:"state"`
		Standing string `json:"standing"`
		Channel  string `json:"channel"`
	} `json:"items"`
	Newer string `json:"newer"`
	Older string `json:"older"`
}

func (l deliveryList) channels() (channels []string) {
	for _, item := range l.Items {
		channels = append(channels, item.Channel)
	}
	return channels
}

func (w *world) deliveries(query string) (list deliveryList) {
	w.Helper()
	w.json("/deliveries?"+query, &list)
	return list
}

func TestDeliveriesAreListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.effects()
	event := value[string](w, `SELECT event::text FROM contrail.deliveries WHERE channel = 'succeeded'`)
	for query, want := range map[string][]string{
		"":                                   {"mail", "mail", "suppressed", "cancelled", "failed", "succeeded"},
		"state=failed":                       {"failed"},
		"state=failed&state=pending":         {"mail", "failed"},
		"standing=stuck":                     {"mail"},
		"standing=waiting":                   {"failed"},
		"standing=ended":                     {"suppressed", "cancelled", "succeeded"},
		"standing=ended&state=failed":        nil,
		"channel=cancelled":                  {"cancelled"},
		"recipient=contact-1":                {"suppressed", "cancelled", "failed", "succeeded"},
		"consumer=invoice-mail&state=failed": {"failed"},
		"consumer=other":                     nil,
		"tenant=t-1&channel=mail":            {"mail", "mail"},
		"tenant=t-2":                         nil,
		"reason=bounced":                     {"cancelled"},
		"event=" + event:                     {"succeeded"},
		"stream=mail-2":                      {"failed"},
		"type=InvoiceIssued&channel=mail":    {"mail", "mail"},
		"since=1h&channel=failed":            {"failed"},
		"until=1h":                           nil,
	} {
		require.Equal(t, want, w.deliveries(query).channels(), query)
	}
	for _, filter := range []string{"", "recipient=contact-1", "standing=ended", "consumer=invoice-mail"} {
		whole := w.deliveries(filter).channels()
		page := w.deliveries(filter + "&limit=1")
		require.Empty(t, page.Newer)
		down := page.channels()
		for page.Older != "" {
			page = w.deliveries(filter + "&limit=1&before=" + page.Older)
			down = append(down, page.channels()...)
		}
		require.Equal(t, whole, down, filter)
		up := page.channels()
		for page.Newer != "" {
			page = w.deliveries(filter + "&limit=1&after=" + page.Newer)
			up = append(page.channels(), up...)
		}
		require.Equal(t, whole, up, filter)
	}
	got := w.get("/deliveries?state=x&standing=y&event=z&since=soon&before=1", accepting("application/json"))
	require.Equal(t, http.StatusBadRequest, got.StatusCode)
	for _, text := range []string{"States", "Standings", "event ", "since ", "before "} {
		require.Contains(t, got.body, text)
	}
}

// delivery is the address of the one by a channel.
func (w *world) delivery(channel string) string {
	w.Helper()
	return "/deliveries/" + value[string](w, `SELECT id::text FROM contrail.deliveries WHERE channel = $1 ORDER BY id DESC LIMIT 1`, channel)
}

func TestOneDelivery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.effects()
	var one struct {
		Why     string `json:"why"`
		Next    string `json:"next"`
		Entries []struct {
			What string `json:"what"`
		} `json:"entries"`
	}
	w.json(w.delivery("cancelled"), &one)
	require.Contains(t, one.Why, "bounced")
	require.Contains(t, one.Next, "redrive it")
	require.Equal(t, "planned", one.Entries[0].What)
	text := w.page(w.delivery("succeeded"))
	require.Contains(t, text, "the recipient gets it twice")
	require.NotContains(t, text, "<img")
	for _, missing := range []string{"x", "01a203ed-6cd9-7550-add7-1d4f5cf31c88"} {
		require.Equal(t, http.StatusNotFound, w.get("/deliveries/"+missing).StatusCode)
	}
}

// What a person decides is done, and told; what has changed since they looked is let alone, and so is what makes no sense.
func TestDeliveriesAreDecidedAbout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.effects()
	state := func(address string) string {
		return value[string](w, `SELECT state FROM contrail.deliveries WHERE '/deliveries/' || id = $1`, address)
	}
	failed := w.delivery("failed")
	told := w.act(failed+"/redrive", "reason", "")
	require.Equal(t, "failed", told.Outcome)
	require.Contains(t, told.Error, "no reason is given")
	told = w.act(failed+"/redrive", "reason", "they wait", "seen", "2026-01-01T00:00:00Z")
	require.Equal(t, "refused", told.Outcome)
	require.Contains(t, told.Results[0].Detail, "has changed meanwhile")
	seen := value[string](w, `SELECT to_char(changed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') FROM contrail.deliveries WHERE channel = 'failed'`)
	told = w.act(failed+"/redrive", "reason", "they wait", "seen", seen)
	require.Equal(t, "done", told.Outcome, told.Results)
	require.True(t, value[bool](w, `SELECT due_at <= now() FROM contrail.deliveries WHERE channel = 'failed'`))
	require.Equal(t, "done", w.act(failed+"/cancel", "reason", "paid by phone").Outcome)
	require.Equal(t, "cancelled", state(failed))
	require.Equal(t, "local@dashboard", value[string](w, `SELECT by_whom FROM contrail.delivery_log WHERE because = 'paid by phone' LIMIT 1`))

	succeeded := w.delivery("succeeded")
	require.Equal(t, "refused", w.act(succeeded+"/redrive", "reason", "again").Outcome, "without force it is not sent twice")
	require.Equal(t, "done", w.act(succeeded+"/redrive", "reason", "again", "force", "yes").Outcome)
	require.Equal(t, 2, value[int](w, `SELECT max(round) FROM contrail.deliveries WHERE channel = 'succeeded'`))
	require.Contains(t, w.page(succeeded), "The last round of it")

	stuck := "/deliveries/" + w.deliveries("standing=stuck").Items[0].ID
	told = w.act(stuck + "/recover")
	require.Equal(t, "done", told.Outcome)
	require.Contains(t, told.Results[0].Detail, "it is held for a person")
	require.Equal(t, "held", w.deliveries("standing=held").Items[0].Standing)
	require.Equal(t, "refused", w.act(stuck+"/recover").Outcome, "it is not stuck any more")
	require.Equal(t, "failed", w.act("/deliveries/01a203ed-6cd9-7550-add7-1d4f5cf31c88/cancel", "reason", "x").Outcome)
	require.Equal(t, 6, value[int](w, `SELECT count(*) FROM contrail.audit WHERE action = 'delivery.redrive' OR action = 'delivery.cancel' AND outcome = 'done'`))
}
