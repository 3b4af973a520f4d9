package dashboard_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
)

// consumerPage is the JSON form of a consumer's page.
type consumerPage struct {
	Durable     string     `json:"durable"`
	Does        string     `json:"does"`
	Lag         uint64     `json:"lag"`
	Requeued    uint64     `json:"requeued"`
	DeadLetters uint64     `json:"dead_letters"`
	PausedUntil *time.Time `json:"paused_until"`
	Division    *struct {
		Partitions []struct{} `json:"partitions"`
		Members    []struct{} `json:"members"`
	} `json:"division"`
}

func (w *world) consumer() (page consumerPage) {
	w.Helper()
	w.json("/consumers/"+consumerName, &page)
	return page
}

// handling runs a relay, and a consumer with an inbox that counts how often an event takes effect, until it has handled so many.
func handling(t *testing.T, events int, change ...func(*subscribers.Config)) (w *world, stop func()) {
	t.Helper()
	w = newWorld(t)
	w.relays()
	w.exec(`CREATE TABLE effects (position bigint)`)
	config := subscribers.Config{Durable: consumerName, Inbox: subscribers.NewInbox(w.pool)}
	for _, one := range change {
		one(&config)
	}
	sub, err := subscribers.New(w.js, config)
	require.NoError(t, err)
	subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[issued]) error {
		_, err := tx.Exec(ctx, `INSERT INTO effects VALUES ($1)`, int64(e.Position))
		return err
	})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- sub.Run(ctx) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			require.NoError(t, <-ended)
		}
	}
	t.Cleanup(stop)
	for range events {
		w.append("invoice-1", "InvoiceIssued", `{}`)
	}
	w.tookEffect(events)
	w.eventually(func() bool { return w.consumer().Lag == 0 })
	return w, stop
}

// tookEffect waits until so many events have taken effect, counted each time.
func (w *world) tookEffect(events int) {
	w.Helper()
	w.eventually(func() bool { return value[int](w, `SELECT count(*) FROM effects`) == events })
}

func TestNoConsumer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text := w.page("/consumers")
	require.Contains(t, text, "The stream of events is not there yet.")
	require.Contains(t, text, "No projection has run yet.")
	for _, path := range []string{"/consumers/none", "/consumers/none/reset", "/consumers/none/replay", "/projections/none"} {
		require.Equal(t, http.StatusNotFound, w.get(path).StatusCode, path)
	}
	require.Contains(t, w.act("/consumers/none/pause").Error, "there is no consumer none")
	require.Contains(t, w.act("/projections/none/rebuild").Error, "there is no projection none")
}

func TestPauseAndResumeAConsumer(t *testing.T) {
	t.Parallel()
	w, stop := handling(t, 1)
	told := w.act("/consumers/billing/pause", "for", "2h", "reason", "night")
	require.Equal(t, "done", told.Outcome, "%+v", told)
	require.Regexp(t, `is paused until 20.*; what is in hand is still handled`, told.Results[0].Detail)
	require.Equal(t, "paused", w.consumer().Does)
	w.append("invoice-1", "InvoiceIssued", `{}`)
	w.eventually(func() bool { return w.consumer().Lag == 1 })
	require.Equal(t, "done", w.act("/consumers/billing/pause").Outcome)
	require.Contains(t, w.page("/consumers/billing"), "until somebody resumes it")
	require.Equal(t, "done", w.act("/consumers/billing/resume").Outcome)
	w.tookEffect(2)
	require.Contains(t, w.act("/consumers/billing/pause", "for", "soon").Error, "for is")
	stop()
	w.append("invoice-1", "InvoiceIssued", `{}`)
	w.eventually(func() bool { return w.consumer().Does == "nobody is there" && w.consumer().Lag == 1 })
	require.Contains(t, w.page("/consumers/billing"), "No process asks for its events, and some wait.")
}

// What a reset would do is told beforehand, and is what it does.
func TestResetAConsumer(t *testing.T) {
	t.Parallel()
	w, _ := handling(t, 4)
	require.NotContains(t, w.page("/consumers/billing/reset"), "What it would do")
	text := w.page("/consumers/billing/reset?to=position&position=3")
	for _, part := range []string{
		"position 3, message 3", "<strong>2 messages at most are delivered once more.</strong>", "Its inbox knows 2 events from there on, and passes over them",
	} {
		require.Contains(t, text, part)
	}
	form := hidden(t, text, "/consumers/billing/reset")
	told := w.auditOf(w.act("/consumers/billing/reset", append(form, "reason", "again")...).Audit)
	require.Equal(t, "done", told.Outcome, "%+v", told)
	require.Equal(t, "goes on with position 3 (message 3)", told.Results[0].Detail)
	w.eventually(func() bool { return w.consumer().Lag == 0 })
	w.tookEffect(4)

	text = w.page("/consumers/billing/reset?to=time&time=2020-01-01T00:00:00Z&forget=yes")
	require.Contains(t, text, "<strong>Its inbox forgets 4 events from there on, which take effect again.</strong>")
	form = hidden(t, text, "/consumers/billing/reset")
	told = w.auditOf(w.act("/consumers/billing/reset", append(form, "reason", "again")...).Audit)
	require.Equal(t, "done", told.Outcome, "%+v", told)
	w.tookEffect(8)

	require.Contains(t, w.page("/consumers/billing/reset?to=new"), "what is new, message 5")
	for query, text := range map[string]string{"?to=there": "to is", "?to=position": "no position is given", "?to=time": "no time is given", "?to=position&position=99": "has not come so far yet"} {
		got := w.get("/consumers/billing/reset"+query, accepting("application/json"))
		require.Equal(t, http.StatusBadRequest, got.StatusCode, query)
		require.Contains(t, got.body, text)
	}
}

func TestReplayToAConsumer(t *testing.T) {
	t.Parallel()
	w, _ := handling(t, 4)
	require.Contains(t, w.page("/consumers/billing/replay"), `placeholder="the stream's first"`)
	text := w.page("/consumers/billing/replay?step=confirm&first=2&last=3&type=InvoiceIssued&rate=0")
	require.Contains(t, text, "from position 2 to position 3 once more, of type <bdi>InvoiceIssued</bdi>: <strong>2 at most</strong>")
	form := append(hidden(t, text, "/consumers/billing/replay"), "reason", "mails were lost")
	told := w.auditOf(w.act("/consumers/billing/replay", form...).Audit)
	require.Equal(t, "done", told.Outcome, "%+v", told)
	require.Contains(t, told.Results[0].Detail, "2 events sent")
	w.tookEffect(6)
	again := w.auditOf(w.act("/consumers/billing/replay", form...).Audit)
	require.Contains(t, again.Results[0].Detail, "0 events sent", "the same form, posted twice")
	require.Contains(t, again.Results[0].Detail, "2 were sent before")
	require.Contains(t, w.get("/consumers/billing/replay?step=confirm&first=3&last=2").body, "is before the first")
	require.Contains(t, w.get("/consumers/billing/replay?step=confirm&type=a-b").body, "Type")
	require.Contains(t, w.auditOf(w.act("/consumers/billing/replay", "category", "a.b").Audit).Error, "category is")
	require.Contains(t, w.auditOf(w.act("/consumers/none/replay").Audit).Error, "there is no consumer none")
}

func TestADividedConsumer(t *testing.T) {
	t.Parallel()
	w, _ := handling(t, 2, func(c *subscribers.Config) { c.Partitions = 3 })
	page := w.consumer()
	require.Len(t, page.Division.Partitions, 3)
	require.Len(t, page.Division.Members, 1)
	require.Contains(t, w.page("/consumers/billing"), "Held by")
	require.Contains(t, w.page("/consumers"), "3 partitions")
}
