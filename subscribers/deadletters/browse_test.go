package deadletters_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/deadletters"
)

func (w *world) browse(filter deadletters.Filter, look deadletters.Look) deadletters.Page {
	w.Helper()
	page, err := deadletters.Browse(w.Context(), w.js, filter, look)
	require.NoError(w, err)
	return page
}

// buryMany publishes so many letters, of two consumers in turns.
func (w *world) buryMany(n int) {
	w.Helper()
	for i := range n {
		letter := w.letter([]string{"mails", "summary"}[i%2])
		if i%5 == 0 {
			letter.Reason = subscribers.ReasonPermanent
		}
		_, err := w.js.PublishMsgAsync(message(letter))
		require.NoError(w, err)
	}
	select {
	case <-w.js.PublishAsyncComplete():
	case <-time.After(patience):
		require.Fail(w, "the letters are not published")
	}
}

func idsOf(letters []deadletters.Letter) []uint64 {
	var ids []uint64
	for _, letter := range letters {
		ids = append(ids, letter.ID)
	}
	return ids
}

func TestBrowseNewestFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.buryMany(200)

	page := w.browse(deadletters.Filter{Consumer: "mails", Limit: 3}, deadletters.Look{Backwards: true})
	require.Equal(t, []uint64{199, 197, 195}, idsOf(page.Letters))
	require.True(t, page.More)
	require.Equal(t, "invoice-42", page.Letters[0].Event.Stream.String(), "the letters are whole")
	require.NotEmpty(t, page.Letters[0].Data)

	page = w.browse(deadletters.Filter{Consumer: "mails", Limit: 3, UpTo: page.From - 1}, deadletters.Look{Backwards: true})
	require.Equal(t, []uint64{193, 191, 189}, idsOf(page.Letters))

	page = w.browse(deadletters.Filter{Consumer: "mails", Limit: 3, UpTo: 4}, deadletters.Look{Backwards: true})
	require.Equal(t, []uint64{3, 1}, idsOf(page.Letters))
	require.False(t, page.More)
}

func TestBrowseTellsHowFarItHasLooked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.buryMany(400)
	filter := deadletters.Filter{ErrorContains: "no letter says so"}

	page := w.browse(filter, deadletters.Look{Backwards: true, Bound: 50})
	require.Empty(t, page.Letters)
	require.True(t, page.More)
	require.Equal(t, uint64(400), page.To)
	require.Equal(t, uint64(400-64+1), page.From)

	filter.UpTo = page.From - 1
	page = w.browse(filter, deadletters.Look{Backwards: true, Bound: 1000, Time: patience})
	require.Equal(t, uint64(1), page.From)
	require.False(t, page.More)

	filter.UpTo = 0
	page = w.browse(filter, deadletters.Look{Bound: 50})
	require.Equal(t, [2]uint64{1, 64}, [2]uint64{page.From, page.To})
}

// What was deleted, and what is on other subjects, is passed over in a few steps.
func TestBrowsePassesGapsOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.bury(w.letter("rare"))
	w.buryMany(12_000)
	page := w.browse(deadletters.Filter{Consumer: "rare"}, deadletters.Look{Backwards: true, Bound: 10, Time: patience})
	require.Equal(t, []uint64{first}, idsOf(page.Letters))
	require.False(t, page.More)

	require.NoError(t, w.stream.Purge(t.Context(), jetstream.WithPurgeSubject("deadletters.events.mails.>")))
	require.NoError(t, w.stream.Purge(t.Context(), jetstream.WithPurgeSubject("deadletters.events.summary.>")))
	page = w.browse(deadletters.Filter{}, deadletters.Look{Backwards: true, Bound: 10, Time: patience})
	require.Equal(t, []uint64{first}, idsOf(page.Letters))
}

// A window that was made wide by a gap may turn out to be full.
func TestBrowseNarrowsAFullWindow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.buryMany(20_000)
	for range 800 {
		w.bury(w.letter("other"))
	}
	page := w.browse(deadletters.Filter{Consumer: "mails", Limit: 2}, deadletters.Look{Backwards: true, Bound: 40_000, Time: patience})
	require.Equal(t, []uint64{19_999, 19_997}, idsOf(page.Letters))
}

func TestBrowseWithoutAStream(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	_, err := deadletters.Browse(t.Context(), js, deadletters.Filter{}, deadletters.Look{})
	require.ErrorIs(t, err, deadletters.ErrNoStream)
	_, err = deadletters.Tally(t.Context(), js, "")
	require.ErrorIs(t, err, deadletters.ErrNoStream)
	_, err = deadletters.Browse(t.Context(), js, deadletters.Filter{Limit: -1}, deadletters.Look{})
	require.ErrorContains(t, err, "Limit is -1")
}

// Page for page, it is what List yields, in both directions and whatever the filter, the limit and the bound are.
func TestBrowseIsListPageByPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.buryMany(300)
	for id := uint64(10); id < 280; id += 7 {
		require.NoError(t, w.stream.DeleteMsg(t.Context(), id))
	}
	for _, filter := range []deadletters.Filter{
		{}, {Consumer: "mails"}, {Reasons: []subscribers.Reason{subscribers.ReasonPermanent}}, {Consumer: "summary", Type: "InvoiceIssued", Limit: 29},
	} {
		for _, look := range []deadletters.Look{{Bound: 1}, {Backwards: true, Bound: 1}, {Backwards: true, Time: patience}} {
			whole := filter
			whole.Limit = 0
			all := idsOf(w.list(whole))
			require.Equal(t, all, w.browseAll(filter, look), "%+v %+v", filter, look)
		}
	}
}

// browseAll goes from page to page, and returns the IDs from the lowest to the highest.
func (w *world) browseAll(filter deadletters.Filter, look deadletters.Look) []uint64 {
	w.Helper()
	var browsed []uint64
	for more := true; more; {
		page := w.browse(filter, look)
		browsed = append(browsed, idsOf(page.Letters)...)
		if more = page.More; look.Backwards {
			filter.UpTo = page.From - 1
		} else {
			filter.After = page.To
		}
	}
	if look.Backwards {
		slices.Reverse(browsed)
	}
	return browsed
}

func TestTally(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.buryMany(9)
	w.send(message(subscribers.DeadLetter{Consumer: "mails", Reason: subscribers.ReasonForeign, Data: []byte("x")}))
	for outcome, err := range deadletters.Requeue(t.Context(), w.js, deadletters.At("", 2), deadletters.Options{}) {
		require.NoError(t, err)
		require.True(t, outcome.Done)
	}
	for _, err := range deadletters.Discard(t.Context(), w.js, deadletters.At("", 3), deadletters.Decision{By: "ada", Because: "a test"}) {
		require.NoError(t, err)
	}
	counts, err := deadletters.Tally(t.Context(), w.js, "")
	require.NoError(t, err)
	require.Equal(t, map[deadletters.Kind]int64{
		{State: deadletters.Dead, Consumer: "mails", Category: "invoice", Type: "InvoiceIssued"}:      4,
		{State: deadletters.Dead, Consumer: "summary", Category: "invoice", Type: "InvoiceIssued"}:    3,
		{State: deadletters.Dead, Consumer: "mails"}:                                                  1,
		{State: deadletters.Requeued, Consumer: "summary"}:                                            1,
		{State: deadletters.Discarded, Consumer: "mails", Category: "invoice", Type: "InvoiceIssued"}: 1,
	}, counts)

	for _, filter := range []deadletters.Filter{
		{},
		{Consumer: "mails"},
		{Consumer: "none"},
		{Type: "InvoiceIssued"},
		{Category: "order"},
		{States: deadletters.States()},
		{States: []deadletters.State{deadletters.Discarded}, Type: "InvoiceIssued"},
	} {
		require.True(t, filter.ByKind())
		var sum int64
		for kind, letters := range counts {
			if filter.Takes(kind) {
				sum += letters
			}
		}
		require.Len(t, w.list(filter), int(sum), fmt.Sprint(filter))
	}
	require.False(t, deadletters.Filter{Tenant: "t-1"}.ByKind())
	require.False(t, deadletters.Filter{States: []deadletters.State{deadletters.Requeued}, Type: "InvoiceIssued"}.ByKind(), "the subject does not tell")
}
