package publisher_test

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
)

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

func TestVerifyFindsEveryKindOfFault(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		sequences []uint64
		want      publisher.Report
	}{
		"exact":        {[]uint64{1, 2, 3, 4, 5}, publisher.Report{Published: 5, OK: true}},
		"empty":        {nil, publisher.Report{Missing: []contrail.Position{1, 2, 3, 4, 5}}},
		"a hole":       {[]uint64{1, 2, 4, 5}, publisher.Report{Published: 4, Missing: []contrail.Position{3}}},
		"no tail":      {[]uint64{1, 2, 3}, publisher.Report{Published: 3, Missing: []contrail.Position{4, 5}}},
		"twice":        {[]uint64{1, 2, 2, 3, 4, 5, 5}, publisher.Report{Published: 5, Duplicates: []contrail.Position{2, 5}}},
		"out of order": {[]uint64{1, 3, 2, 4, 5}, publisher.Report{Published: 5, OutOfOrder: 1}},
		"late, twice":  {[]uint64{5, 1, 1, 3}, publisher.Report{Published: 3, OutOfOrder: 2, Duplicates: []contrail.Position{1}, Missing: []contrail.Position{2, 4}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			js, _ := natstest.JetStream(t)
			insertEvents(t, pool, 5)
			relayAll(t, pool, js)
			shuffle(t, js, func(*jetstream.StreamConfig) {}, test.sequences...)
			test.want.Events = 5
			test.want.MissingTotal, test.want.DuplicatesTotal = int64(len(test.want.Missing)), int64(len(test.want.Duplicates))
			if test.want.Missing == nil {
				test.want.Missing = []contrail.Position{}
			}
			if test.want.Duplicates == nil {
				test.want.Duplicates = []contrail.Position{}
			}
			report, err := publisher.Verify(t.Context(), pool, js, "EVENTS")
			require.NoError(t, err)
			require.Equal(t, test.want, report)
		})
	}
}

func TestVerifyCountsForeignMessages(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 5)
	relayAll(t, pool, js)
	publishForeign(t, js)
	report, err := publisher.Verify(t.Context(), pool, js, "EVENTS")
	require.NoError(t, err)
	require.EqualValues(t, 1, report.Foreign)
	require.False(t, report.OK)
	status, err := publisher.ReadStatus(t.Context(), pool, js, "EVENTS")
	require.NoError(t, err)
	require.Zero(t, status.PublishedPosition, "the stream does not end with an event of this store")
}

func TestVerifyWithoutAStream(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	_, err := publisher.Verify(t.Context(), pool, js, "EVENTS")
	require.ErrorContains(t, err, "stream EVENTS does not exist")
}

func TestStatusNamesWhoHoldsTheHorizonBack(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	status, err := publisher.ReadStatus(t.Context(), pool, js, "EVENTS")
	require.NoError(t, err)
	require.Equal(t, publisher.Status{Stream: "EVENTS"}, status)

	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `SET LOCAL application_name = 'slowpoke'`)
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data) VALUES ('slow-1', 1, 'Slow', '{}')`)
	require.NoError(t, err)
	insertEvents(t, pool, 3)
	status, err = publisher.ReadStatus(t.Context(), pool, js, "EVENTS")
	require.NoError(t, err)
	require.EqualValues(t, 4, status.Position)
	require.Zero(t, status.Horizon)
	require.EqualValues(t, 3, status.LagEvents)
	require.Positive(t, status.OldestUnpublishedSeconds)
	require.Equal(t, "slowpoke", status.Appender.ApplicationName)
	require.NotZero(t, status.Appender.PID)
	require.NoError(t, tx.Rollback(t.Context()))
}
