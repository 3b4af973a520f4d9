package publisher_test

import (
	"context"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
)

// relayAll relays what there is, and stops.
func relayAll(tb testing.TB, pool *pgxpool.Pool, js jetstream.JetStream) {
	tb.Helper()
	stop := start(tb, newRelay(tb, pool, js, publisher.Config{}))
	awaitCaughtUp(tb, pool, js)
	require.NoError(tb, stop())
}

// runFails runs a relay that must end by itself.
func runFails(tb testing.TB, pool *pgxpool.Pool, js jetstream.JetStream) error {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := newRelay(tb, pool, js, publisher.Config{}).Run(ctx)
	require.Error(tb, err)
	return err
}

// replaceStream deletes the stream and fills a new one with the first messages of the old, as a broker does that was restored.
func replaceStream(tb testing.TB, js jetstream.JetStream, keep int) {
	tb.Helper()
	ctx := tb.Context()
	consumer, err := js.OrderedConsumer(ctx, "EVENTS", jetstream.OrderedConsumerConfig{})
	require.NoError(tb, err)
	messages, err := consumer.Messages()
	require.NoError(tb, err)
	defer messages.Stop()
	var kept []*nats.Msg
	for range keep {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		require.NoError(tb, err)
		header := nats.Header{"Nats-Msg-Id": msg.Headers()["Nats-Msg-Id"]}
		kept = append(kept, &nats.Msg{Subject: msg.Subject(), Header: header, Data: msg.Data()})
	}
	require.NoError(tb, js.DeleteStream(ctx, "EVENTS"))
	createStream(tb, js, func(*jetstream.StreamConfig) {})
	for _, msg := range kept {
		_, err := js.PublishMsg(ctx, msg)
		require.NoError(tb, err)
	}
}

// The broker acknowledges before it syncs to disk, and may lose its tail: what was lost is sent again, and counted.
func TestRelaySendsALostTailAgain(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 100)
	relayAll(t, pool, js)
	replaceStream(t, js, 90)
	insertEvents(t, pool, 5)
	relayAll(t, pool, js)
	requireExact(t, pool, js)
	status, err := publisher.ReadStatus(t.Context(), pool, js, "EVENTS")
	require.NoError(t, err)
	require.EqualValues(t, 10, status.Lost)
}

func TestRelayStopsAtAStreamThatIsGoneOrEmpty(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 10)
	relayAll(t, pool, js)
	require.NoError(t, js.DeleteStream(t.Context(), "EVENTS"))
	err := runFails(t, pool, js)
	require.ErrorIs(t, err, publisher.ErrForeignStream)
	require.ErrorContains(t, err, "is gone (it had 10)")
	_, err = js.Stream(t.Context(), "EVENTS")
	require.ErrorIs(t, err, jetstream.ErrStreamNotFound, "it must not be created anew in silence")

	createStream(t, js, func(*jetstream.StreamConfig) {})
	err = runFails(t, pool, js)
	require.ErrorIs(t, err, publisher.ErrForeignStream)
	require.ErrorContains(t, err, "has 0, had 10")

	// The way out that the error names.
	require.ErrorContains(t, err, "contrail rebuild --stream EVENTS")
	drained, err := newRelay(t, pool, js, publisher.Config{}).Rebuild(t.Context(), nil)
	require.NoError(t, err)
	require.True(t, drained.OK)
	requireExact(t, pool, js)
}

func publishForeign(tb testing.TB, js jetstream.JetStream) {
	tb.Helper()
	_, err := js.Publish(tb.Context(), "events.other.1.Thing", []byte(`{"hello":"world"}`))
	require.NoError(tb, err)
}

func TestRelayStopsAtAnotherWriter(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 10)
	relayAll(t, pool, js)
	publishForeign(t, js)
	err := runFails(t, pool, js)
	require.ErrorIs(t, err, publisher.ErrForeignWriter)
	require.ErrorContains(t, err, "stream EVENTS has another writer")
	require.Len(t, readStream(t, js), 11, "nothing was published behind it")
}

// A foreign message takes the place of one of ours in mid-batch, and those behind it fit. The relay must not go on as if nothing had
// happened, neither at once nor when it died right then and the last message is its own.
func TestRelayNoticesAForeignMessageBetweenItsOwn(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 30)
	relayAll(t, pool, js)
	insertEvents(t, pool, 30)
	relay := newRelay(t, pool, js, publisher.Config{})
	var once sync.Once
	relay.OnPoint(func(point string) {
		if point == "in mid-batch" {
			once.Do(func() { publishForeign(t, js) })
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.ErrorIs(t, relay.Run(ctx), publisher.ErrForeignWriter)
	err := runFails(t, pool, js)
	require.ErrorIs(t, err, publisher.ErrForeignWriter)
	require.ErrorContains(t, err, "is not the one that this store would have written")

	_, err = pool.Exec(t.Context(), `DELETE FROM contrail.relays`) // the cursor is lost, too
	require.NoError(t, err)
	require.ErrorIs(t, runFails(t, pool, js), publisher.ErrForeignWriter)
}

// The cursor is lost, and the stream, which begins behind it, is out of order: reading it back must come to an end, and say so.
func TestRelayStopsAtAStreamOutOfOrder(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 10)
	relayAll(t, pool, js)
	shuffle(t, js, func(cfg *jetstream.StreamConfig) { cfg.FirstSeq = 5 }, 7, 5)
	_, err := pool.Exec(t.Context(), `DELETE FROM contrail.relays`)
	require.NoError(t, err)
	err = runFails(t, pool, js)
	require.ErrorIs(t, err, publisher.ErrForeignWriter)
	require.ErrorContains(t, err, "message 6 is not the one")
}

// The cursor is lost, the stream is sound: everything is compared, and the relay goes on.
func TestRelayFindsALostCursorAgain(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 3000)
	relayAll(t, pool, js)
	_, err := pool.Exec(t.Context(), `DELETE FROM contrail.relays`)
	require.NoError(t, err)
	insertEvents(t, pool, 10)
	relayAll(t, pool, js)
	requireExact(t, pool, js)
}

func TestRelayStopsAtAnotherStoresStream(t *testing.T) {
	t.Parallel()
	one, two := pgtest.New(t), pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, one, 10)
	relayAll(t, one, js)
	// The template gave both the same id, as a restored backup would have; this makes them two stores.
	_, err := two.Exec(t.Context(), `UPDATE contrail.store SET id = gen_random_uuid()`)
	require.NoError(t, err)
	insertEvents(t, two, 5)
	require.ErrorIs(t, runFails(t, two, js), publisher.ErrForeignWriter)
	requireExact(t, one, js)
}

// A store that was set back to an older moment draws positions again that the stream has seen: the relay must stop, whether it starts before
// that or after it, and verify must tell.
func TestRelayStopsWhenTheStreamIsAheadOfTheStore(t *testing.T) {
	t.Parallel()
	now, backup := pgtest.New(t), pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, now, 10)
	relayAll(t, now, js)
	for _, since := range []int{5, 5, 10} { // behind the stream, level with it, beyond it
		insertEvents(t, backup, since)
		err := runFails(t, backup, js)
		require.ErrorIs(t, err, publisher.ErrStreamAhead)
		require.ErrorContains(t, err, "which the store does not have")
		report, err := publisher.Verify(t.Context(), backup, js, publisher.VerifyConfig{})
		require.NoError(t, err)
		require.False(t, report.OK)
		require.EqualValues(t, 10, report.Foreign)
	}
}
