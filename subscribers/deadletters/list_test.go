package deadletters_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/deadletters"
)

func TestListSaysWhatIsKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event := w.event()
	sent := letterOf(event, "summary")
	id := w.bury(sent)
	binary := w.event()
	inBinary := letterOf(binary, "summary")
	inBinary.Data, inBinary.Header = binary.Data, nats.Header{}
	wire.BinaryHeader(inBinary.Header, source, binary)
	w.bury(inBinary)

	letters := w.list(deadletters.Filter{})
	require.Len(t, letters, 2)
	letter := letters[0]
	require.Equal(t, id, letter.ID)
	require.Equal(t, wire.DefaultDeadLetters, letter.In)
	require.Equal(t, deadletters.Dead, letter.State)
	require.Equal(t, sent, letter.DeadLetter)
	require.Equal(t, &event, letter.Event)
	require.Equal(t, sent.FailedAt, letter.Since())
	require.WithinDuration(t, time.Now(), letter.StoredAt, time.Hour)
	require.Empty(t, letter.Progress)
	require.Equal(t, binary.ID, letters[1].Event.ID)

	got, err := deadletters.Get(t.Context(), w.js, wire.DefaultDeadLetters, id)
	require.NoError(t, err)
	require.Equal(t, letter, got)

	text, err := json.Marshal(letter)
	require.NoError(t, err)
	require.Contains(t, string(text), `{"dead_letters":"DEADLETTERS","id":1,"state":"dead","consumer":"summary","reason":"exhausted",`+
		`"error":"add to the total: division by zero","error_chain":["add to the total: division by zero","division by zero"],"deliveries":8,"replays":0,`+
		`"published_at":"2026-11-02T08:00:00Z","failed_at":"2026-11-02T08:01:00Z",`)
	require.Contains(t, string(text), `"stream":"invoice-42","version":1,"type":"InvoiceIssued","position":1,"recorded_at":"2026-11-02T08:00:00Z",`+
		`"metadata":{"tenant_id":"t-1"},"data":{"n":1}}`)
}

func TestGetFindsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, id := range []uint64{0, 1, 99} {
		_, err := deadletters.Get(t.Context(), w.js, wire.DefaultDeadLetters, id)
		require.ErrorIs(t, err, deadletters.ErrNotFound)
	}
	_, err := deadletters.Get(t.Context(), w.js, "OTHER", 1)
	require.ErrorIs(t, err, deadletters.ErrNoStream)
	require.EqualError(t, err, "letter 1 of OTHER: stream OTHER: no such stream of dead letters; a subscription creates it when it starts")
}

// What else a stream takes is no letter.
func TestLettersAreOnTheirOwnSubjects(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	w := newWorldAt(t, js, func(config *jetstream.StreamConfig) { config.Subjects = append(config.Subjects, "other.>") })
	other := w.send(nats.NewMsg("other.one"))
	id := w.bury(w.letter("summary"))
	require.Equal(t, []uint64{id}, ids(w.all()))
	_, err := deadletters.Get(t.Context(), w.js, wire.DefaultDeadLetters, other)
	require.ErrorIs(t, err, deadletters.ErrNotFound)
	require.Equal(t, deadletters.ResultGone, w.requeue(deadletters.At("", other), deadletters.Options{})[0].Result)
}

func TestFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bury := func(consumer string, change func(*contrail.Recorded, *subscribers.DeadLetter)) {
		event := w.event()
		letter := letterOf(event, consumer)
		change(&event, &letter)
		letter.Data = wire.Append(nil, source, event)
		w.bury(letter)
	}
	bury("summary", func(*contrail.Recorded, *subscribers.DeadLetter) {})                                                    // 1
	bury("summary", func(e *contrail.Recorded, _ *subscribers.DeadLetter) { e.Stream = contrail.NewStreamID("order", "7") }) // 2
	bury("mailer", func(e *contrail.Recorded, _ *subscribers.DeadLetter) { e.Type = "InvoicePaid" })                         // 3
	bury("mailer", func(e *contrail.Recorded, _ *subscribers.DeadLetter) { e.Metadata[contrail.KeyTenantID] = "t-2" })       // 4
	bury("mailer", func(_ *contrail.Recorded, l *subscribers.DeadLetter) {
		l.Reason, l.Error = subscribers.ReasonCrashed, ""
	}) // 5
	foreign := w.letter("mailer") // 6
	foreign.Reason, foreign.Data, foreign.Error, foreign.ErrorChain = subscribers.ReasonForeign, []byte("hello"), "not an event", nil
	w.bury(foreign)
	outcomes := w.requeue(deadletters.At("", 1, 3), deadletters.Options{Rate: deadletters.Unlimited}) // 7, 8
	require.Equal(t, []uint64{7, 8}, []uint64{outcomes[0].Sequence, outcomes[1].Sequence})
	w.discard(deadletters.At("", 2)) // 9
	w.bury(w.letter("summary"))      // 10

	states := func(states ...deadletters.State) []deadletters.State { return states }
	for name, c := range map[string]struct {
		filter deadletters.Filter
		want   []uint64
	}{
		"dead ones, unless others are named": {deadletters.Filter{}, []uint64{4, 5, 6, 10}},
		"requeued":                           {deadletters.Filter{States: states(deadletters.Requeued)}, []uint64{7, 8}},
		"discarded":                          {deadletters.Filter{States: states(deadletters.Discarded)}, []uint64{9}},
		"over":                               {deadletters.Filter{States: states(deadletters.Requeued, deadletters.Discarded)}, []uint64{7, 8, 9}},
		"all states":                         {deadletters.Filter{States: deadletters.States()}, []uint64{4, 5, 6, 7, 8, 9, 10}},
		"a consumer":                         {deadletters.Filter{Consumer: "mailer"}, []uint64{4, 5, 6}},
		"a consumer in all states":           {deadletters.Filter{Consumer: "summary", States: deadletters.States()}, []uint64{7, 9, 10}},
		"no consumer":                        {deadletters.Filter{Consumer: "other"}, []uint64{}},
		"reasons":                            {deadletters.Filter{Reasons: []subscribers.Reason{subscribers.ReasonForeign, subscribers.ReasonCrashed}}, []uint64{5, 6}},
		"a category":                         {deadletters.Filter{Category: "invoice"}, []uint64{4, 5, 10}},
		"a category in all states":           {deadletters.Filter{Category: "order", States: deadletters.States()}, []uint64{9}},
		"a category of what is requeued":     {deadletters.Filter{Category: "invoice", States: states(deadletters.Requeued)}, []uint64{7, 8}},
		"a type":                             {deadletters.Filter{Type: "InvoicePaid", States: deadletters.States()}, []uint64{8}},
		"a type of a consumer":               {deadletters.Filter{Type: "InvoiceIssued", Consumer: "mailer"}, []uint64{4, 5}},
		"an event stream":                    {deadletters.Filter{EventStream: contrail.NewStreamID("invoice", "42")}, []uint64{4, 5, 10}},
		"another event stream":               {deadletters.Filter{EventStream: contrail.NewStreamID("invoice", "43")}, []uint64{}},
		"a tenant":                           {deadletters.Filter{Tenant: "t-2"}, []uint64{4}},
		"an error":                           {deadletters.Filter{ErrorContains: "n even"}, []uint64{6}},
		"an error of the chain":              {deadletters.Filter{ErrorContains: "division", Consumer: "summary"}, []uint64{10}},
		"since":                              {deadletters.Filter{Since: morning().Add(6 * time.Minute)}, []uint64{6, 10}},
		"until":                              {deadletters.Filter{Until: morning().Add(6 * time.Minute)}, []uint64{4, 5}},
		"requeued lately":                    {deadletters.Filter{Since: time.Now().Add(-time.Hour), States: deadletters.States()}, []uint64{7, 8, 9}},
		"after":                              {deadletters.Filter{After: 5}, []uint64{6, 10}},
		"up to":                              {deadletters.Filter{UpTo: 5}, []uint64{4, 5}},
		"after the last":                     {deadletters.Filter{After: 10}, []uint64{}},
		"far beyond the last":                {deadletters.Filter{After: 1000, UpTo: 2000}, []uint64{}},
		"some":                               {deadletters.Filter{Limit: 2}, []uint64{4, 5}},
		"all at once": {deadletters.Filter{
			Consumer: "mailer", Category: "invoice", Type: "InvoiceIssued", Tenant: "t-1", Reasons: []subscribers.Reason{subscribers.ReasonCrashed},
			EventStream: contrail.NewStreamID("invoice", "42"), Since: morning(), Until: morning().Add(time.Hour), After: 1, UpTo: 9, Limit: 3,
		}, []uint64{5}},
	} {
		require.Equal(t, c.want, ids(w.list(c.filter)), name)
		var counted int64
		counts, err := deadletters.Count(t.Context(), w.js, c.filter)
		require.NoError(t, err)
		for _, count := range counts {
			counted += count
		}
		require.EqualValues(t, len(c.want), counted, name)
	}
	counts, err := deadletters.Count(t.Context(), w.js, deadletters.Filter{})
	require.NoError(t, err)
	require.Equal(t, map[deadletters.Group]int64{
		{State: deadletters.Dead, Consumer: "mailer", Reason: subscribers.ReasonExhausted}:  1,
		{State: deadletters.Dead, Consumer: "mailer", Reason: subscribers.ReasonCrashed}:    1,
		{State: deadletters.Dead, Consumer: "mailer", Reason: subscribers.ReasonForeign}:    1,
		{State: deadletters.Dead, Consumer: "summary", Reason: subscribers.ReasonExhausted}: 1,
	}, counts)
}

func TestFilterNamesEveryFault(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	err := fault(deadletters.List(t.Context(), w.js, deadletters.Filter{
		Stream: "a.b", States: []deadletters.State{"gone", deadletters.Discarded}, Consumer: "a b", Reasons: []subscribers.Reason{"bored"},
		Category: "in.voice", Type: "1", EventStream: contrail.NewStreamID("a b", "1"), Tenant: "t", Since: morning(), Until: morning(),
		After: 3, UpTo: 2, Limit: -1,
	}))
	for _, said := range []string{
		`Stream is "a.b"`, `States has "gone"`, `Consumer is "a b"`, `Reasons has "bored"`, `Category is "in.voice"`, "Filter: Type: ",
		"Filter: EventStream: ", "EventStream is set, but of discarded", "Tenant is set, but of discarded", "Since is 2026", "UpTo is 2", "Limit is -1",
	} {
		require.ErrorContains(t, err, said)
	}
}

// An empty stream, one that was emptied, and one whose last letters are gone, are read to the end nevertheless.
func TestListEndsWhereTheLastOnesAreDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.Empty(t, w.all())
	for range 5 {
		w.bury(w.letter("summary"))
	}
	for _, id := range []uint64{5, 4, 2} {
		require.NoError(t, w.stream.DeleteMsg(t.Context(), id))
	}
	require.Equal(t, []uint64{1, 3}, ids(w.all()))
	require.NoError(t, w.stream.Purge(t.Context()))
	require.Empty(t, w.all())
}

// The stream is larger than what is read ahead, and what is left of it is deleted while the first letter is looked at.
func TestListEndsWhenTheRestIsDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const letters, large = 60, 200 << 10
	for range letters {
		letter := w.letter("summary")
		letter.Stack = "" // the payload is what is large
		letter.Data = []byte(strings.Repeat("x", large))
		w.bury(letter)
	}
	var seen []uint64
	for letter, err := range deadletters.List(t.Context(), w.js, deadletters.Filter{}) {
		require.NoError(t, err)
		if seen = append(seen, letter.ID); len(seen) == 1 {
			for id := uint64(letters); id > 1; id-- {
				require.NoError(t, w.stream.DeleteMsg(t.Context(), id))
			}
		}
	}
	require.NotEmpty(t, seen)
	require.Less(t, len(seen), letters/2)
}

// Letters that come while it is read are not waited for, or it would never end.
func TestListEndsWithWhatWasThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 3 {
		w.bury(w.letter("summary"))
	}
	for letter, err := range deadletters.List(t.Context(), w.js, deadletters.Filter{}) {
		require.NoError(t, err)
		require.LessOrEqual(t, letter.ID, uint64(3))
		w.bury(w.letter("summary"))
	}
	require.Len(t, w.all(), 6)
}

// Pages follow one another without overlap, while letters go and come between them; nothing is left behind at the broker.
func TestListPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var want, got []uint64
	for range 25 {
		want = append(want, w.bury(w.letter("summary")))
	}
	for filter := (deadletters.Filter{Limit: 10}); ; filter.After = got[len(got)-1] {
		page := ids(w.list(filter))
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
		require.NoError(t, w.stream.DeleteMsg(t.Context(), page[0]))
	}
	require.Equal(t, want, got)
	info, err := w.stream.Info(t.Context())
	require.NoError(t, err)
	require.Zero(t, info.State.Consumers)
}

// A consumer that the broker loses in the middle is made anew, and nothing comes twice or is missing.
func TestListOutlastsItsConsumer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var want, got []uint64
	for range 30 {
		letter := w.letter("summary")
		letter.Data = []byte(strings.Repeat("x", 200<<10))
		want = append(want, w.bury(letter))
	}
	for letter, err := range deadletters.List(t.Context(), w.js, deadletters.Filter{}) {
		require.NoError(t, err)
		if got = append(got, letter.ID); len(got) == 1 {
			for name := range w.stream.ConsumerNames(t.Context()).Name() {
				require.NoError(t, w.stream.DeleteConsumer(t.Context(), name))
			}
		}
	}
	require.Equal(t, want, got)
}

func TestProgressOfWhatIsRequeued(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 3 {
		w.bury(w.letter("summary"))
	}
	w.bury(w.letter("mailer"))
	w.requeue(deadletters.Matching(deadletters.Filter{}), deadletters.Options{})
	progress := func() (all []deadletters.Progress) {
		for _, letter := range w.list(deadletters.Filter{States: []deadletters.State{deadletters.Requeued}}) {
			all = append(all, letter.Progress)
		}
		return all
	}
	require.Equal(t, []deadletters.Progress{"orphaned", "orphaned", "orphaned", "orphaned"}, progress())
	consumer := w.listen("summary")
	require.Equal(t, []deadletters.Progress{"waiting", "waiting", "waiting", "orphaned"}, progress())
	batch, err := consumer.Fetch(2, jetstream.FetchMaxWait(patience))
	require.NoError(t, err)
	first, second := <-batch.Messages(), <-batch.Messages()
	require.Equal(t, []deadletters.Progress{"in_hand", "in_hand", "waiting", "orphaned"}, progress())
	require.NoError(t, first.DoubleAck(t.Context()))
	require.Equal(t, []deadletters.Progress{"settled", "in_hand", "waiting", "orphaned"}, progress())
	require.NoError(t, second.TermWithReason("no"))
	require.Eventually(t, func() bool { return progress()[1] == deadletters.Settled }, patience, 10*time.Millisecond)
	shown, err := deadletters.Get(t.Context(), w.js, wire.DefaultDeadLetters, 5)
	require.NoError(t, err)
	require.Equal(t, deadletters.Settled, shown.Progress)
}

// Reasons knows what subscriptions write.
func TestReasonsAreAll(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "../deadletter.go", nil, 0)
	require.NoError(t, err)
	want := []subscribers.Reason{deadletters.ReasonMalformed}
	ast.Inspect(file, func(node ast.Node) bool {
		if spec, ok := node.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Reason") {
			literal, ok := spec.Values[0].(*ast.BasicLit)
			require.True(t, ok)
			value, err := strconv.Unquote(literal.Value)
			require.NoError(t, err)
			want = append(want, subscribers.Reason(value))
		}
		return true
	})
	require.Greater(t, len(want), 5)
	require.ElementsMatch(t, want, deadletters.Reasons())
}
