package publisher_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
)

// running starts a relay that will end by itself, and returns what Run will have returned.
func running(tb testing.TB, relay *publisher.Relay) (ended <-chan error) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	done := make(chan struct{})
	go func() { defer close(done); over <- relay.Run(ctx) }()
	tb.Cleanup(func() { cancel(); <-done })
	return over
}

// awaitEnd waits until a relay has ended by itself, with an error.
func awaitEnd(tb testing.TB, ended <-chan error) error {
	tb.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-ended:
		require.Error(tb, err)
		return err
	case <-timer.C:
		require.Fail(tb, "the relay should have ended by itself")
		return nil
	}
}

// edit changes the stream as an administrator does.
func edit(tb testing.TB, js jetstream.JetStream, change func(*jetstream.StreamConfig)) {
	tb.Helper()
	stream, err := js.Stream(tb.Context(), "EVENTS")
	require.NoError(tb, err)
	cfg := stream.CachedInfo().Config
	change(&cfg)
	_, err = js.UpdateStream(tb.Context(), cfg)
	require.NoError(tb, err)
}

// requireBeginning checks that the stream holds the store's first events, each once and in order, and nothing else.
func requireBeginning(tb testing.TB, pool *pgxpool.Pool, js jetstream.JetStream) {
	tb.Helper()
	messages := readStream(tb, js)
	rows, err := pool.Query(tb.Context(), `SELECT id::text FROM contrail.events ORDER BY position LIMIT $1`, len(messages))
	require.NoError(tb, err)
	want, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(tb, err)
	for i, id := range want {
		require.Equal(tb, id, messages[i].ID)
	}
	require.Len(tb, messages, len(want))
}

// badStreams are streams that the relay refuses, each for the one thing that is wrong with it.
func badStreams() map[string]badStream {
	only := func(change func(*jetstream.StreamConfig), sentence string) badStream {
		return badStream{change, sentence, false}
	}
	final := func(change func(*jetstream.StreamConfig), sentence string) badStream {
		return badStream{change, sentence, true}
	}
	const unlimited = ", must be unlimited, so that no event goes before every consumer has it"
	return map[string]badStream{
		"memory": final(func(cfg *jetstream.StreamConfig) { cfg.Storage = jetstream.MemoryStorage },
			"Storage is Memory, must be File, so that a restart loses nothing"),
		"asynchronous persistence": final(func(cfg *jetstream.StreamConfig) { cfg.PersistMode = jetstream.AsyncPersistMode },
			"PersistMode is async, must be default, so that an acknowledged event is stored"),
		"counter": final(func(cfg *jetstream.StreamConfig) { cfg.AllowMsgCounter = true },
			"AllowMsgCounter is true, must be false, so that the stream takes events"),
		"work queue": final(func(cfg *jetstream.StreamConfig) { cfg.Retention = jetstream.WorkQueuePolicy },
			"Retention is WorkQueue, must be Limits, so that an event stays for every consumer"),
		"interest": only(func(cfg *jetstream.StreamConfig) { cfg.Retention = jetstream.InterestPolicy },
			"Retention is Interest, must be Limits, so that an event stays for every consumer"),
		"discard new": only(func(cfg *jetstream.StreamConfig) { cfg.Discard = jetstream.DiscardNew },
			"Discard is DiscardNew, must be DiscardOld, so that the stream takes every event"),
		"too old":   only(func(cfg *jetstream.StreamConfig) { cfg.MaxAge = time.Hour }, "MaxAge is 1h0m0s"+unlimited),
		"too many":  only(func(cfg *jetstream.StreamConfig) { cfg.MaxMsgs = 1000 }, "MaxMsgs is 1000"+unlimited),
		"too large": only(func(cfg *jetstream.StreamConfig) { cfg.MaxBytes = 1 << 20 }, "MaxBytes is 1048576"+unlimited),
		"too many of a subject": only(func(cfg *jetstream.StreamConfig) { cfg.MaxMsgsPerSubject = 100 },
			"MaxMsgsPerSubject is 100, must be unlimited, so that no event of an aggregate goes"),
		"other subjects": only(func(cfg *jetstream.StreamConfig) { cfg.Subjects = []string{"others.>"} },
			"Subjects is [others.>], must be just [events.>], so that nobody else writes here"),
		"more subjects": only(func(cfg *jetstream.StreamConfig) { cfg.Subjects = []string{"events.>", "others.>"} },
			"Subjects is [events.> others.>], must be just [events.>], so that nobody else writes here"),
		"fewer subjects": only(func(cfg *jetstream.StreamConfig) { cfg.Subjects = []string{"events.invoice.>"} },
			"Subjects is [events.invoice.>], must be just [events.>], so that nobody else writes here"),
		"sources": only(func(cfg *jetstream.StreamConfig) { cfg.Sources = []*jetstream.StreamSource{{Name: "OTHER"}} },
			"Mirror or Sources is set, must be unset, so that nobody else writes here"),
		"transformed subjects": only(func(cfg *jetstream.StreamConfig) {
			cfg.SubjectTransform = &jetstream.SubjectTransformConfig{Source: "events.>", Destination: "others.>"}
		}, "SubjectTransform is set, must be unset, so that subjects are what they say"),
		"no acknowledgements": only(func(cfg *jetstream.StreamConfig) { cfg.NoAck = true },
			"NoAck is true, must be false, so that the relay learns what was stored"),
		"deletable": only(func(cfg *jetstream.StreamConfig) { cfg.DenyDelete = false },
			"DenyDelete is false, must be true, so that no event can be deleted"),
		"purgeable": only(func(cfg *jetstream.StreamConfig) { cfg.DenyPurge = false },
			"DenyPurge is false, must be true, so that no event can be purged"),
	}
}

type badStream struct {
	change   func(*jetstream.StreamConfig)
	sentence string
	final    bool // no edit mends it
}

// The relay publishes nothing to a stream that would break a promise, says what is wrong, and goes on once it is mended.
func TestRelayRefusesABadStreamUntilItIsMended(t *testing.T) {
	t.Parallel()
	for name, bad := range badStreams() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			js, _ := natstest.JetStream(t)
			createStream(t, js, bad.change)
			insertEvents(t, pool, 20)
			err := runFails(t, pool, js)
			requireRefused(t, err, bad)
			stream, err := js.Stream(t.Context(), "EVENTS")
			require.NoError(t, err)
			require.Zero(t, stream.CachedInfo().State.LastSeq)

			_, err = js.UpdateStream(t.Context(), publisher.StreamConfig(publisher.Config{}))
			if bad.final {
				require.Error(t, err)
				require.NoError(t, js.DeleteStream(t.Context(), "EVENTS"))
			} else {
				require.NoError(t, err)
			}
			finish(t, pool, js)
		})
	}
}

func requireRefused(tb testing.TB, err error, bad badStream) {
	tb.Helper()
	require.ErrorIs(tb, err, publisher.ErrStreamConfig)
	hint := ": change the stream, or give the relay another one (Config.Stream and Config.Prefix)"
	if bad.final {
		hint = ": this can't be changed any more: give the relay another stream (Config.Stream and Config.Prefix), or delete this one if nobody needs it"
	}
	require.EqualError(tb, err, "stream EVENTS would break a promise: "+bad.sentence+hint)
}

func TestRelayNamesEverythingThatIsWrongWithAStream(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	createStream(t, js, func(cfg *jetstream.StreamConfig) {
		cfg.Storage, cfg.MaxMsgs, cfg.DenyPurge = jetstream.MemoryStorage, 10, false
	})
	err := runFails(t, pool, js)
	for _, field := range []string{"Storage is Memory", "; MaxMsgs is 10", "; DenyPurge is false", "can't be changed any more"} {
		require.ErrorContains(t, err, field)
	}
}

// An administrator edits the stream while the relay runs. What keeps the relay from publishing it notices at once, the rest when it looks at the
// stream the next time; nothing is lost by either.
func TestRelayOutlastsAStreamThatIsEditedUnderIt(t *testing.T) {
	t.Parallel()
	sealed := badStream{
		func(cfg *jetstream.StreamConfig) { cfg.Sealed = true }, "Sealed is true, must be false, so that events can be published", true,
	}
	full := badStream{
		func(cfg *jetstream.StreamConfig) { cfg.Discard, cfg.MaxMsgs = jetstream.DiscardNew, 15 },
		"Discard is DiscardNew, must be DiscardOld, so that the stream takes every event; " +
			"MaxMsgs is 15, must be unlimited, so that no event goes before every consumer has it", false,
	}
	all := badStreams()
	for name, test := range map[string]struct {
		bad    badStream
		atOnce bool // the next event shows it
	}{
		"sealed":                {sealed, true},
		"full":                  {full, true},
		"other subjects":        {all["other subjects"], true},
		"fewer subjects":        {all["fewer subjects"], true},
		"no acknowledgements":   {all["no acknowledgements"], true},
		"more subjects":         {all["more subjects"], false},
		"interest":              {all["interest"], false},
		"discard new":           {all["discard new"], false},
		"too old":               {all["too old"], false},
		"too many":              {all["too many"], false},
		"too large":             {all["too large"], false},
		"too many of a subject": {all["too many of a subject"], false},
		"sources":               {all["sources"], false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			js, _ := natstest.JetStream(t)
			insertEvents(t, pool, 10)
			if name == "interest" { // which drops at once what no consumer wants
				createStream(t, js, func(*jetstream.StreamConfig) {})
				_, err := js.CreateConsumer(t.Context(), "EVENTS", jetstream.ConsumerConfig{Durable: "d", AckPolicy: jetstream.AckExplicitPolicy})
				require.NoError(t, err)
			}
			relay := newRelay(t, pool, js, impatient())
			ended := running(t, relay)
			awaitCaughtUp(t, pool, js)
			edit(t, js, test.bad.change)
			insertEvents(t, pool, 10)
			if !test.atOnce {
				awaitCaughtUp(t, pool, js)
				_, err := pool.Exec(t.Context(), terminateRelaysSQL) // it looks at the stream when it leads again
				require.NoError(t, err)
			}
			requireRefused(t, awaitEnd(t, ended), test.bad)
			requireBeginning(t, pool, js)
			requireRefused(t, runFails(t, pool, js), test.bad)

			if test.bad.final {
				fillAnew(t, pool, js)
				return
			}
			_, err := js.UpdateStream(t.Context(), publisher.StreamConfig(publisher.Config{}))
			require.NoError(t, err)
			finish(t, pool, js)
		})
	}
}

// terminateRelaysSQL ends the relays' sessions, as a restore of their database does, or a failover.
const terminateRelaysSQL = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	WHERE datname = current_database() AND application_name LIKE 'contrail relay %'`
