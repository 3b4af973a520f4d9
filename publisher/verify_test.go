package publisher_test

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/publisher/parked"
)

// copied is a message that a relay would have made of the event at a position, but for what a test changes.
type copied struct {
	position contrail.Position
	resent   string // the mark; "" for none
	binary   bool
	name     string // of the service
	change   func(*contrail.Recorded)
}

func at(positions ...contrail.Position) (messages []copied) {
	for _, position := range positions {
		messages = append(messages, copied{position: position})
	}
	return messages
}

// publishCopies publishes messages by hand.
func publishCopies(tb testing.TB, pool *pgxpool.Pool, js jetstream.JetStream, messages ...copied) {
	tb.Helper()
	var store uuid.UUID
	require.NoError(tb, pool.QueryRow(tb.Context(), `SELECT id FROM contrail.store`).Scan(&store))
	for _, one := range messages {
		events, err := eventstore.At(tb.Context(), pool, one.position)
		require.NoError(tb, err)
		event := events[0]
		if one.change != nil {
			one.change(&event)
		}
		msg := &nats.Msg{Subject: wire.Subject("events", event), Header: nats.Header{}}
		if one.binary {
			wire.BinaryHeader(msg.Header, wire.Source(one.name, store), event)
			msg.Data = event.Data
		} else {
			msg.Data = wire.Append(nil, wire.Source(one.name, store), event)
		}
		if one.resent != "" {
			wire.Mark(msg.Header, one.resent, one.position)
		}
		_, err = js.PublishMsg(tb.Context(), msg)
		require.NoError(tb, err)
	}
}

// leaveOut writes down that the relay has left the event at a position out; a sequence of 0 means none.
func leaveOut(tb testing.TB, pool *pgxpool.Pool, position contrail.Position, state parked.State, sequence uint64) {
	tb.Helper()
	_, err := pool.Exec(tb.Context(), `INSERT INTO contrail.parked (relay, position, stream, state, reason, sequence)
		SELECT 'EVENTS', position, stream, $2, 'refused', nullif($3::bigint, 0) FROM contrail.events WHERE position = $1`,
		int64(position), string(state), int64(sequence))
	require.NoError(tb, err)
}

func verified(tb testing.TB, pool *pgxpool.Pool, js jetstream.JetStream, cfg publisher.VerifyConfig) publisher.Report {
	tb.Helper()
	report, err := publisher.Verify(tb.Context(), pool, js, cfg)
	require.NoError(tb, err)
	return report
}

// requireReport fills in what a report of five events has besides what a test expects.
func requireReport(tb testing.TB, want, got publisher.Report) {
	tb.Helper()
	want.Events = 5
	want.MissingTotal, want.DuplicatesTotal, want.AlteredTotal = int64(len(want.Missing)), int64(len(want.Duplicates)), int64(len(want.Altered))
	for _, list := range []*[]contrail.Position{&want.Missing, &want.Duplicates, &want.Altered} {
		if *list == nil {
			*list = []contrail.Position{}
		}
	}
	require.Equal(tb, want, got)
}

func TestVerifyFindsEveryKindOfFault(t *testing.T) {
	t.Parallel()
	type positions = []contrail.Position
	marked := func(position contrail.Position) copied { return copied{position: position, resent: wire.ResentRepair} }
	other := func(position contrail.Position, change func(*contrail.Recorded)) copied {
		return copied{position: position, change: change}
	}
	data := func(e *contrail.Recorded) { e.Data = json.RawMessage(`{"n": 1000}`) }
	for name, test := range map[string]struct {
		messages []copied
		want     publisher.Report
	}{
		"exact":                {at(1, 2, 3, 4, 5), publisher.Report{Published: 5, OK: true}},
		"empty":                {nil, publisher.Report{Missing: positions{1, 2, 3, 4, 5}}},
		"a hole":               {at(1, 2, 4, 5), publisher.Report{Published: 4, Missing: positions{3}}},
		"no head":              {at(3, 4, 5), publisher.Report{Published: 3, Missing: positions{1, 2}}},
		"no tail":              {at(1, 2, 3), publisher.Report{Published: 3, Missing: positions{4, 5}}},
		"twice":                {at(1, 2, 2, 3, 4, 5, 5), publisher.Report{Published: 5, Duplicates: positions{2, 5}}},
		"out of order":         {at(1, 3, 2, 4, 5), publisher.Report{Published: 5, OutOfOrder: 1}},
		"late, twice":          {at(5, 1, 1, 3), publisher.Report{Published: 3, OutOfOrder: 2, Duplicates: positions{1}, Missing: positions{2, 4}}},
		"resent":               {append(at(1, 4, 5), marked(2), marked(3)), publisher.Report{Published: 5, Resent: 2, OK: true}},
		"resent, in its place": {append(append(at(1), marked(2)), at(3, 4, 5)...), publisher.Report{Published: 5, Resent: 1, OK: true}},
		"resent, the last":     {append(at(1, 2, 3), marked(5), marked(4)), publisher.Report{Published: 5, Resent: 2, OK: true}},
		"resent too often":     {append(at(1, 2, 4, 5), marked(3), marked(3), marked(1)), publisher.Report{Published: 5, Resent: 3, Duplicates: positions{3, 1}}},
		"resent, then in its order": {
			append(append(at(1), marked(3)), at(2, 3, 4, 5)...), publisher.Report{Published: 5, Resent: 1, Duplicates: positions{3}},
		},
		"altered":         {append(at(1, 2), append([]copied{other(3, data)}, at(4, 5)...)...), publisher.Report{Published: 5, Altered: positions{3}}},
		"altered, resent": {append(at(1, 2, 4, 5), copied{3, wire.ResentRepair, false, "", data}), publisher.Report{Published: 5, Resent: 1, Altered: positions{3}}},
		"altered, twice": {
			append(at(1, 2, 3, 4, 5), other(5, data), other(5, data)),
			publisher.Report{Published: 5, Altered: positions{5, 5}, Duplicates: positions{5, 5}},
		},
		"another id": {
			append(append(at(1, 2), other(3, func(e *contrail.Recorded) { e.ID[0]++ })), at(4, 5)...),
			publisher.Report{Published: 4, Missing: positions{3}, Foreign: 1, Unknown: 1},
		},
		"another id, late": {
			append(at(1, 2, 4, 5), other(3, func(e *contrail.Recorded) { e.ID[0]++ })),
			publisher.Report{Published: 4, Missing: positions{3}, Foreign: 1, Unknown: 1},
		},
		"a position that no event has": {
			append(at(1, 2, 3, 4, 5), other(5, func(e *contrail.Recorded) { e.Position = 6 })),
			publisher.Report{Published: 5, Foreign: 1, Unknown: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, binary := range []bool{false, true} {
				pool := pgtest.New(t)
				js, _ := natstest.JetStream(t)
				insertEvents(t, pool, 5)
				createStream(t, js, func(*jetstream.StreamConfig) {})
				for _, message := range test.messages {
					message.binary = binary
					publishCopies(t, pool, js, message)
				}
				requireReport(t, test.want, verified(t, pool, js, publisher.VerifyConfig{}))
			}
		})
	}
}

// What the relay has left out on purpose is no loss, and is told apart.
func TestVerifyTellsWhatWasLeftOut(t *testing.T) {
	t.Parallel()
	type positions = []contrail.Position
	for name, test := range map[string]struct {
		state    parked.State
		sequence uint64 // of the row
		messages []copied
		want     publisher.Report
	}{
		"parked":                     {parked.Parked, 0, at(1, 2, 4, 5), publisher.Report{Published: 4, Parked: 1}},
		"held":                       {parked.Held, 0, at(1, 2, 4, 5), publisher.Report{Published: 4, Parked: 1}},
		"requeued":                   {parked.Requeued, 0, at(1, 2, 4, 5), publisher.Report{Published: 4, Requeued: 1}},
		"discarded":                  {parked.Discarded, 0, at(1, 2, 4, 5), publisher.Report{Published: 4, Discarded: 1, OK: true}},
		"published meanwhile":        {parked.Published, 5, at(1, 2, 4, 5), publisher.Report{Published: 4, Requeued: 1}},
		"published, and gone":        {parked.Published, 4, at(1, 2, 4, 5), publisher.Report{Published: 4, Missing: positions{3}}},
		"published in its order":     {parked.Published, 0, at(1, 2, 3, 4, 5), publisher.Report{Published: 5, OK: true}},
		"published, not written yet": {parked.Requeued, 0, append(at(1, 2, 4, 5), copied{position: 3, resent: wire.ResentRequeue}), publisher.Report{Published: 5, Resent: 1, OK: true}},
		"parked, and there":          {parked.Parked, 0, at(1, 2, 3, 4, 5), publisher.Report{Published: 5, OK: true}},
		"discarded, and there":       {parked.Discarded, 0, at(1, 2, 3, 4, 5), publisher.Report{Published: 5, OK: true}},
		"parked, at the end":         {parked.Parked, 0, at(1, 2), publisher.Report{Published: 2, Parked: 1, Missing: positions{4, 5}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			js, _ := natstest.JetStream(t)
			insertEvents(t, pool, 5)
			createStream(t, js, func(*jetstream.StreamConfig) {})
			publishCopies(t, pool, js, test.messages...)
			leaveOut(t, pool, 3, test.state, test.sequence)
			requireReport(t, test.want, verified(t, pool, js, publisher.VerifyConfig{}))
		})
	}
}

// A stream may hold messages of both formats, and of a service that was renamed.
func TestVerifyKnowsItsOwnMessagesInAnyForm(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	_, err := pool.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data, metadata)
		SELECT 'test-' || n, 1, 'Counted', '{"text": "ü \u0001", "n": 1.50}', '{"correlation_id": "c 1", "a_z": "ü \" %", "ab": ""}' FROM generate_series(1, 5) n`)
	require.NoError(t, err)
	createStream(t, js, func(*jetstream.StreamConfig) {})
	publishCopies(t, pool, js, copied{position: 1}, copied{position: 2, binary: true}, copied{position: 3, name: "billing"}, copied{position: 4, binary: true, name: "billing"},
		copied{position: 5, name: "invoices"})
	requireReport(t, publisher.Report{Published: 5, OK: true}, verified(t, pool, js, publisher.VerifyConfig{}))
}

// The messages of others are a fault, unless the stream is shared.
func TestVerifyCountsForeignMessages(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 5)
	relayAll(t, pool, js)
	publishForeign(t, js)
	requireReport(t, publisher.Report{Published: 5, Foreign: 1}, verified(t, pool, js, publisher.VerifyConfig{}))
	requireReport(t, publisher.Report{Published: 5, Foreign: 1, OK: true}, verified(t, pool, js, publisher.VerifyConfig{Shared: true}))
	status, err := publisher.ReadStatus(t.Context(), pool, js, "EVENTS")
	require.NoError(t, err)
	require.EqualValues(t, 5, status.PublishedPosition, "what the cursor says, since the stream does not end with an event of this store")

	publishCopies(t, pool, js, copied{position: 5, change: func(e *contrail.Recorded) { e.Position = 100 }})
	requireReport(t, publisher.Report{Published: 5, Foreign: 2, Unknown: 1}, verified(t, pool, js, publisher.VerifyConfig{Shared: true}))
}

func TestVerifyWithoutAStream(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	_, err := publisher.Verify(t.Context(), pool, js, publisher.VerifyConfig{})
	require.EqualError(t, err, "verify: stream EVENTS does not exist: start a relay, which creates it")
	require.ErrorIs(t, err, publisher.ErrForeignStream)
	_, err = publisher.Verify(t.Context(), nil, nil, publisher.VerifyConfig{Stream: "a.b"})
	require.ErrorContains(t, err, "pool and js must not be nil")
	require.ErrorContains(t, err, `publisher.VerifyConfig: Stream is "a.b", must be a JetStream stream name`)
}

// deletable lets messages be deleted, as only an administrator can.
func deletable(cfg *jetstream.StreamConfig) { cfg.DenyDelete, cfg.DenyPurge = false, false }

// Messages are gone from the beginning, the middle and the end, the very last among them.
func TestVerifyMissesWhatWasDeleted(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 5)
	createStream(t, js, deletable)
	publishCopies(t, pool, js, at(1, 2, 3, 4, 5)...)
	stream, err := js.Stream(t.Context(), "EVENTS")
	require.NoError(t, err)
	for _, sequence := range []uint64{1, 3, 5} {
		require.NoError(t, stream.DeleteMsg(t.Context(), sequence))
	}
	requireReport(t, publisher.Report{Published: 2, Missing: []contrail.Position{1, 3, 5}}, verified(t, pool, js, publisher.VerifyConfig{}))
	require.NoError(t, stream.Purge(t.Context()))
	requireReport(t, publisher.Report{Missing: []contrail.Position{1, 2, 3, 4, 5}}, verified(t, pool, js, publisher.VerifyConfig{}))
}

// Long holes and many short ones are counted exactly, listed up to the limit, and told of on the way.
func TestVerifyListsTheFirstOfWhatIsMissing(t *testing.T) {
	t.Parallel()
	const events, hole = 30_000, 20_000
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, events)
	createStream(t, js, func(*jetstream.StreamConfig) {})
	publishSome(t, pool, js, func(position contrail.Position) bool { return position > hole && position%10 != 0 })

	var done, total uint64
	report := verified(t, pool, js, publisher.VerifyConfig{Progress: func(now, of uint64) {
		require.GreaterOrEqual(t, now, done)
		done, total = now, of
	}})
	const gone = hole + (events-hole)/10
	require.EqualValues(t, gone, report.MissingTotal)
	require.EqualValues(t, events-gone, report.Published)
	require.Len(t, report.Missing, publisher.MaxListed)
	require.EqualValues(t, publisher.MaxListed, report.Missing[publisher.MaxListed-1])
	require.EqualValues(t, events+events-gone, total, "of both sides")
	require.Equal(t, total, done)
}

// publishSome publishes by hand, as a relay would have, the events whose positions are to be kept.
func publishSome(tb testing.TB, pool *pgxpool.Pool, js jetstream.JetStream, keep func(contrail.Position) bool) {
	tb.Helper()
	var store uuid.UUID
	require.NoError(tb, pool.QueryRow(tb.Context(), `SELECT id FROM contrail.store`).Scan(&store))
	reader, err := eventstore.New(eventstore.Config{})
	require.NoError(tb, err)
	for event, err := range reader.Read(tb.Context(), pool, eventstore.Query{}) {
		require.NoError(tb, err)
		if keep(event.Position) {
			_, err := js.PublishAsync(wire.Subject("events", event), wire.Append(nil, wire.Source("", store), event))
			require.NoError(tb, err)
		}
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-tb.Context().Done():
	}
}

// shuffle fills a stream anew with the messages of the first stream, in the order of the given sequences.
func shuffle(tb testing.TB, js jetstream.JetStream, change func(*jetstream.StreamConfig), sequences ...uint64) {
	tb.Helper()
	stream, err := js.Stream(tb.Context(), "EVENTS")
	require.NoError(tb, err)
	var messages []*nats.Msg
	for _, sequence := range sequences {
		msg, err := stream.GetMsg(tb.Context(), sequence)
		require.NoError(tb, err)
		messages = append(messages, &nats.Msg{Subject: msg.Subject, Data: msg.Data})
	}
	require.NoError(tb, js.DeleteStream(tb.Context(), "EVENTS"))
	createStream(tb, js, change)
	for _, msg := range messages {
		_, err := js.PublishMsg(tb.Context(), msg)
		require.NoError(tb, err)
	}
}
