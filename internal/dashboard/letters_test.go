package dashboard_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/deadletters"
)

// lettersPage is the JSON form of the list.
type lettersPage struct {
	Items []struct {
		ID       uint64 `json:"id"`
		Consumer string `json:"consumer"`
		State    string `json:"state"`
		Reason   string `json:"reason"`
	} `json:"items"`
	Newer  string `json:"newer"`
	Older  string `json:"older"`
	Total  *int64 `json:"total"`
	Dead   int64  `json:"dead"`
	Looked *struct {
		From uint64 `json:"from"`
		To   uint64 `json:"to"`
	} `json:"looked"`
}

func (p lettersPage) ids() []uint64 {
	ids := []uint64{}
	for _, item := range p.Items {
		ids = append(ids, item.ID)
	}
	return ids
}

// mailbox has a stream of dead letters, of two consumers in turns, and of no subscription that runs.
func mailbox(t *testing.T, letters int) *world {
	t.Helper()
	w := newWorld(t)
	w.bury(letters)
	return w
}

// bury makes dead letters as subscriptions do, so many.
func (w *world) bury(letters int) {
	w.Helper()
	_, err := w.js.CreateOrUpdateStream(w.Context(), jetstream.StreamConfig{
		Name: wire.DefaultDeadLetters, Subjects: []string{"deadletters.>"}, Duplicates: time.Hour, AllowDirect: true,
	})
	require.NoError(w, err)
	for i := range letters {
		event := recordedAt(int64(i + 1))
		letter := letterOf(event, []string{"mails", "summary"}[i%2])
		if i%10 == 0 {
			letter.Reason = subscribers.ReasonPermanent
		}
		_, err := w.js.PublishMsgAsync(letterMessage(letter, event))
		require.NoError(w, err)
	}
	select {
	case <-w.js.PublishAsyncComplete():
	case <-w.Context().Done():
	}
}

func (w *world) letters(query string) (page lettersPage) {
	w.Helper()
	w.json("/dead-letters"+query, &page)
	return page
}

func TestLettersWithoutAStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.Contains(t, w.page("/dead-letters"), "There is no stream of dead letters yet.")
	require.Empty(t, w.letters("").Items)
	require.Equal(t, http.StatusNotFound, w.get("/dead-letters/1").StatusCode)
	w.bury(0)
	require.Contains(t, w.page("/dead-letters"), "No dead letters: whatever was delivered is handled")
}

func TestLettersArePagedByKey(t *testing.T) {
	t.Parallel()
	w := mailbox(t, 12)
	page := w.letters("?limit=5")
	require.Equal(t, []uint64{12, 11, 10, 9, 8}, page.ids())
	require.Equal(t, []any{int64(12), int64(12), "", "8"}, []any{*page.Total, page.Dead, page.Newer, page.Older})
	page = w.letters("?limit=5&before=8")
	require.Equal(t, []uint64{7, 6, 5, 4, 3}, page.ids())
	require.Equal(t, "7", page.Newer)
	page = w.letters("?limit=5&before=3")
	require.Equal(t, []uint64{2, 1}, page.ids())
	require.Empty(t, page.Older)
	page = w.letters("?limit=5&after=2")
	require.Equal(t, []uint64{7, 6, 5, 4, 3}, page.ids())
	require.Equal(t, []string{"7", "3"}, []string{page.Newer, page.Older})
	page = w.letters("?limit=5&order=oldest")
	require.Equal(t, []uint64{1, 2, 3, 4, 5}, page.ids())
	require.Equal(t, []string{"5", ""}, []string{page.Newer, page.Older})
	require.Equal(t, []uint64{3, 4, 5, 6, 7}, w.letters("?limit=5&order=oldest&before=8").ids())
}

func TestLettersAreFiltered(t *testing.T) {
	t.Parallel()
	w := mailbox(t, 24)
	for query, want := range map[string][]uint64{
		"?consumer=summary&limit=3":              {24, 22, 20},
		"?reason=permanent":                      {21, 11, 1},
		"?type=Nothing":                          {},
		"?stream=invoice-7":                      {7},
		"?tenant=t-1&limit=2":                    {23, 20},
		"?error=number+17":                       {17},
		"?state=requeued":                        {},
		"?since=2026-11-02T08:23:00Z":            {24, 23},
		"?until=2026-11-02T08:03:00Z":            {2, 1},
		"?consumer=mails&reason=permanent":       {21, 11, 1},
		"?order=oldest&category=invoice&limit=1": {1},
	} {
		require.Equal(t, want, w.letters(query).ids(), query)
	}
	for query, text := range map[string]string{
		"?limit=0": "limit is", "?state=gone": "States has", "?reason=bad": "Reasons has", "?stream=invoice": "Stream: ", "?since=now": "since is",
		"?after=x": "after is", "?after=1&before=2": "give one of them", "?tenant=t-1&state=discarded": "their payload is deleted",
	} {
		got := w.get("/dead-letters" + query)
		require.Equal(t, http.StatusBadRequest, got.StatusCode, query)
		require.Contains(t, strings.ToLower(got.body), strings.ToLower(text), query)
	}
}

func TestOneLetter(t *testing.T) {
	t.Parallel()
	w := mailbox(t, 3)
	text := w.page("/dead-letters/2")
	for _, part := range []string{"division by zero in number 2", "caused by", "the last delivery failed, too", "invoice-2", "Do away with what the error says, and requeue it."} {
		require.Contains(t, text, part)
	}
	require.Equal(t, http.StatusNotFound, w.get("/dead-letters/99").StatusCode)
	require.Equal(t, http.StatusNotFound, w.get("/dead-letters/x").StatusCode)
}

// boxes are the values of the boxes of the rows with these numbers, as a page shows them.
func boxes(t *testing.T, page string, numbers ...int) []string {
	t.Helper()
	var values []string
	for _, number := range numbers {
		found := regexp.MustCompile(fmt.Sprintf(`name="row" value="(%d\.\d+)"`, number)).FindStringSubmatch(page)
		require.NotNil(t, found, "row %d", number)
		values = append(values, found[1])
	}
	return values
}

// hidden are the hidden fields of the form that posts to the address.
func hidden(t *testing.T, page, action string) []string {
	t.Helper()
	_, form, found := strings.Cut(page, `<form class="ask" method="post" action="`+action+`">`)
	require.True(t, found, "no form for %s in %s", action, page)
	form, _, _ = strings.Cut(form, "</form>")
	var fields []string
	for _, match := range regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`).FindAllStringSubmatch(form, -1) {
		fields = append(fields, match[1], strings.NewReplacer("&#43;", "+", "&amp;", "&").Replace(match[2]))
	}
	return fields
}

// decide goes through both steps, as a person does, and waits for the end.
func (w *world) decide(path, query string, fields ...string) outcome {
	w.Helper()
	form := append(hidden(w.T, w.page(path+query), path), fields...)
	told := w.act(path, form...)
	require.NotZero(w, told.Audit)
	return w.auditOf(told.Audit)
}

func TestRequeueSelectedLetters(t *testing.T) {
	t.Parallel()
	w := mailbox(t, 5)
	rows := boxes(t, w.page("/dead-letters"), 2, 4)
	query := "?" + url.Values{"which": {"selected"}, "row": rows}.Encode()
	require.Contains(t, w.page("/dead-letters/requeue"+query), "<strong>2 dead letters</strong> will be handled again")
	told := w.decide("/dead-letters/requeue", query, "reason", "fixed in 1.2")
	require.Equal(t, "done", told.Outcome, "%+v", told)
	require.Equal(t, "dead letter 2", told.Results[0].What)
	require.Equal(t, "is requeued to summary", told.Results[0].Detail)
	require.Contains(t, fmt.Sprint(told.Results), "no subscription summary listens", "what keeps it from having an effect is told")
	require.Equal(t, []uint64{5, 3, 1}, w.letters("").ids())

	requeued := w.letters("?state=requeued&order=oldest")
	require.Equal(t, []uint64{6, 7}, requeued.ids())
	text := w.page("/dead-letters/6")
	require.Contains(t, text, "by <bdi>local@dashboard</bdi>: <bdi>fixed in 1.2</bdi>")
	require.Contains(t, text, "No subscription summary listens on this stream so far.")

	// Whoever has looked at the list for a while is told, and nothing is requeued twice.
	require.Contains(t, w.page("/dead-letters/requeue"+query), "are no dead letters any more")
	told = w.auditOf(w.act("/dead-letters/requeue", "which", "selected", "row", rows[0], "row", boxes(t, w.page("/dead-letters"), 5)[0]).Audit)
	require.Equal(t, "partial", told.Outcome)
	require.Equal(t, "refused", told.Results[0].Outcome)
	require.Contains(t, told.Results[0].Detail, "is no letter of DEADLETTERS, or not any more")
}

func TestDiscardThePageAndAllThatMatch(t *testing.T) {
	t.Parallel()
	w := mailbox(t, 20)
	told := w.decide("/dead-letters/discard", "?which=page&first=17&last=20&consumer=mails", "reason", "a test")
	require.Equal(t, "done", told.Outcome, "%+v", told)
	require.Len(t, told.Results, 2, "of 17 to 20, half are of mails")
	require.Equal(t, []uint64{20, 18, 16}, w.letters("?limit=3").ids())
	require.Equal(t, []uint64{22, 21}, w.letters("?state=discarded").ids())

	query := "?which=all&consumer=summary&reason=exhausted"
	page := w.page("/dead-letters/discard" + query)
	require.Contains(t, page, "<strong>10 dead letters</strong> will be discarded")
	w.bury(2) // what comes behind the confirmation is not meant
	form := hidden(t, page, "/dead-letters/discard")
	told = w.auditOf(w.act("/dead-letters/discard", append(form, "reason", "all of it")...).Audit)
	require.Equal(t, "done", told.Outcome, "%+v", told)
	require.Len(t, told.Results, 10)
	require.Equal(t, int64(1), *w.letters("?consumer=summary").Total)

	told = w.auditOf(w.act("/dead-letters/discard", "which", "all", "last", "5").Audit)
	require.Equal(t, "failed", told.Outcome)
	require.Contains(t, told.Error, "no reason is given")
	require.Contains(t, w.auditOf(w.act("/dead-letters/requeue", "which", "all").Audit).Error, "last is not given")
	require.Contains(t, w.auditOf(w.act("/dead-letters/requeue", "which", "all", "last", "5", "rate", "-1").Audit).Error, "rate is")
}

// Numbers mean other letters once the stream is another one.
func TestLettersOfAStreamMadeAnew(t *testing.T) {
	t.Parallel()
	w := mailbox(t, 3)
	form := hidden(t, w.page("/dead-letters/requeue?which=all"), "/dead-letters/requeue")
	require.NoError(t, w.js.DeleteStream(t.Context(), wire.DefaultDeadLetters))
	w.bury(3)
	told := w.auditOf(w.act("/dead-letters/requeue", form...).Audit)
	require.Equal(t, "failed", told.Outcome)
	require.Contains(t, told.Error, "was made anew since the page was shown")
	require.Len(t, w.letters("").Items, 3)
}

// A letter that was requeued too often is refused until the bound is raised.
func TestRequeueIsBounded(t *testing.T) {
	t.Parallel()
	w := mailbox(t, 1)
	event := recordedAt(99)
	letter := letterOf(event, "mails")
	letter.Replays = deadletters.DefaultMaxReplays
	_, err := w.js.PublishMsg(t.Context(), letterMessage(letter, event))
	require.NoError(t, err)
	require.Contains(t, w.page("/dead-letters/2"), `name="max_replays" min="1" value="6"`)
	require.Contains(t, w.page("/dead-letters/requeue?which=all"), "<strong>1 of those below were</strong>")
	told := w.decide("/dead-letters/requeue", "?which=all", "max_replays", "5", "rate", "0")
	require.Equal(t, "partial", told.Outcome)
	require.Contains(t, fmt.Sprint(told.Results), "was requeued 5 times already")
	told = w.decide("/dead-letters/requeue", "?which=all", "max_replays", "6")
	require.Equal(t, "done", told.Outcome, "%+v", told)
}
