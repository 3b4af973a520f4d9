package dashboard_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/steps"
)

// runList is the JSON form of a page of runs.
type runList struct {
	Items []struct {
		ID   string `json:"id"`
		Key  string `json:"key"`
		Step string `json:"step"`
	} `json:"items"`
	Exact string `json:"exact"`
	Newer string `json:"newer"`
	Older string `json:"older"`
}

func (l runList) keys() (keys []string) {
	for _, item := range l.Items {
		keys = append(keys, item.Key[len("orders/"):])
	}
	return keys
}

func (w *world) runList(query string) (list runList) {
	w.Helper()
	w.json("/runs?"+query, &list)
	return list
}

func TestRunsAreListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runs()
	for query, want := range map[string][]string{
		"":                               {"cancelled", "retrying", "halted", "waiting", "failed", "finished"},
		"state=halted":                   {"halted"},
		"state=halted&state=failed":      {"halted", "failed"},
		"key=orders/f":                   {"failed", "finished"},
		"key=orders/%25":                 nil,
		"workflow=other":                 nil,
		"tenant=t-1":                     nil,
		"failing=yes":                    {"retrying"},
		"error=the+shop+is+closed":       {"retrying"},
		"error=a+person&state=halted":    {"halted"},
		"since=1h&state=finished":        {"finished"},
		"until=1h":                       nil,
		"overdue=1h":                     nil,
		"key=orders/failed&state=failed": {"failed"},
	} {
		require.ElementsMatch(t, want, w.runList(query).keys(), query)
	}
	require.Equal(t, "1/1 reserve", w.runList("state=halted").Items[0].Step)
	require.NotEmpty(t, w.runList("key=orders/failed").Exact)
	for _, filter := range []string{"", "key=orders/f", "state=halted&state=failed&state=waiting"} {
		whole := w.runList(filter).keys()
		page := w.runList(filter + "&limit=1")
		require.Empty(t, page.Newer)
		down := page.keys()
		for page.Older != "" {
			page = w.runList(filter + "&limit=1&before=" + page.Older)
			down = append(down, page.keys()...)
		}
		require.Equal(t, whole, down, filter)
		up := page.keys()
		for page.Newer != "" {
			page = w.runList(filter + "&limit=1&after=" + page.Newer)
			up = append(page.keys(), up...)
		}
		require.Equal(t, whole, up, filter)
	}
	got := w.get("/runs?state=x&since=soon&overdue=y&before=1", accepting("application/json"))
	require.Equal(t, http.StatusBadRequest, got.StatusCode)
	for _, text := range []string{"Statuses", "since ", "overdue ", "before "} {
		require.Contains(t, got.body, text)
	}
	require.Equal(t, http.StatusBadRequest, w.get("/runs?before=01a203ed-6cd9-7550-add7-1d4f5cf31c88").StatusCode, "it was purged")
}

// A run has an address by its id and by its key, whatever is in that.
func TestOneRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runs()
	const key = "../a b/?&#%2F<b>"
	_, err := steps.Run(t.Context(), w.pool, key, map[string]string{"note": hostileText}, steps.Tx("keep", func(_ context.Context, _ pgx.Tx, run *steps.State) error {
		if err := run.Set("kept", hostileText); err != nil {
			return err
		}
		return run.Return("done " + hostileText)
	}))
	require.NoError(t, err)
	id := value[string](w, `SELECT id::text FROM contrail.runs WHERE key = $1`, key)
	for _, name := range []string{id, url.PathEscape("orders/halted")} {
		text := w.page("/runs/" + name)
		require.NotContains(t, text, "<b>")
		require.NotContains(t, text, "<img")
	}
	var one struct {
		Key    string   `json:"key"`
		Why    string   `json:"why"`
		Advice []string `json:"advice"`
		Args   any      `json:"args"`
	}
	w.json("/runs/"+url.PathEscape("orders/halted"), &one)
	require.Contains(t, one.Why, "a person must look")
	require.Contains(t, one.Advice[0], "retry it")
	require.Equal(t, map[string]any{"note": hostileText}, one.Args)
	w.json("/runs/"+id, &one)
	require.Equal(t, key, one.Key)
	require.Equal(t, http.StatusNotFound, w.get("/runs/none").StatusCode)
	require.Equal(t, http.StatusNotFound, w.get("/runs/01a203ed-6cd9-7550-add7-1d4f5cf31c88").StatusCode)
}

func TestRunsAreDecidedAbout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runs()
	address := func(key string) string {
		return "/runs/" + value[string](w, `SELECT id::text FROM contrail.runs WHERE key = 'orders/' || $1`, key)
	}
	state := func(key string) string {
		return value[string](w, `SELECT state FROM contrail.runs WHERE key = 'orders/' || $1`, key)
	}
	require.Contains(t, w.act(address("halted")+"/retry").Error, "no reason is given")
	told := w.act(address("halted")+"/retry", "reason", "looked at it")
	require.Equal(t, "done", told.Outcome, told)
	require.Equal(t, "ready", state("halted"))
	require.Equal(t, "done", w.act(address("waiting")+"/cancel", "reason", "not needed").Outcome)
	require.NotEqual(t, "waiting", state("waiting"))
	require.Equal(t, "done", w.act(address("retrying")+"/abandon", "reason", "nobody can undo it").Outcome)
	require.Equal(t, "cancelled", state("retrying"))
	told = w.act(address("finished")+"/cancel", "reason", "too late")
	require.Equal(t, "refused", told.Outcome)
	require.Equal(t, "finished", state("finished"))
	require.Equal(t, "failed", w.act("/runs/none/cancel", "reason", "x").Outcome)
	require.Equal(t, "local@dashboard", value[string](w, `SELECT by_whom FROM contrail.run_log WHERE detail = 'looked at it'`))
}
