package publisher_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
)

// drop makes the stream forget all but its last messages, by a limit that is set for a moment: a purge that DenyPurge does not forbid.
func drop(tb testing.TB, js jetstream.JetStream, limit func(*jetstream.StreamConfig), left uint64) {
	tb.Helper()
	edit(tb, js, limit)
	stream, err := js.Stream(tb.Context(), "EVENTS")
	require.NoError(tb, err)
	require.Eventually(tb, func() bool {
		info, err := stream.Info(tb.Context())
		return err == nil && info.State.Msgs == left
	}, patience, 10*time.Millisecond)
	edit(tb, js, func(cfg *jetstream.StreamConfig) {
		cfg.MaxAge, cfg.MaxMsgs, cfg.Duplicates = 0, -1, publisher.DefaultDuplicates
	})
}

func dropAll(tb testing.TB, js jetstream.JetStream) {
	tb.Helper()
	drop(tb, js, func(cfg *jetstream.StreamConfig) {
		cfg.MaxAge, cfg.Duplicates = 100*time.Millisecond, 100*time.Millisecond
	}, 0)
}

// A stream that is deleted, replaced or emptied stops the relay, whether it runs or starts afterwards. The way out fills the stream from the
// first event on.
func TestRelayStopsWhenItsStreamIsLost(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lose     func(tb testing.TB, js jetstream.JetStream)
		sentence string
	}{
		"deleted": {
			func(tb testing.TB, js jetstream.JetStream) {
				tb.Helper()
				require.NoError(tb, js.DeleteStream(tb.Context(), "EVENTS"))
			},
			"is gone (it had 20)",
		},
		"made anew": {
			func(tb testing.TB, js jetstream.JetStream) { tb.Helper(); replaceStream(tb, js, 0) },
			"has 0, had 20",
		},
		"made anew by another store": {
			func(tb testing.TB, js jetstream.JetStream) {
				tb.Helper()
				replaceStream(tb, js, 0)
				publishForeign(tb, js)
			},
			"has 1, had 20",
		},
		"made anew behind the old": {
			func(tb testing.TB, js jetstream.JetStream) {
				tb.Helper()
				require.NoError(tb, js.DeleteStream(tb.Context(), "EVENTS"))
				createStream(tb, js, func(cfg *jetstream.StreamConfig) { cfg.FirstSeq = 100 })
			},
			"was emptied (it had 20)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			js, _ := natstest.JetStream(t)
			insertEvents(t, pool, 20)
			ended := running(t, newRelay(t, pool, js, impatient()))
			awaitCaughtUp(t, pool, js)
			test.lose(t, js)
			insertEvents(t, pool, 10)
			requireLost(t, awaitEnd(t, ended), test.sentence)
			requireLost(t, runFails(t, pool, js), test.sentence) // and it does so again

			fillAnew(t, pool, js)
		})
	}
}

func requireLost(tb testing.TB, err error, sentence string) {
	tb.Helper()
	require.ErrorIs(tb, err, publisher.ErrForeignStream)
	require.EqualError(tb, err, "stream EVENTS is not the one this store wrote: it "+sentence+
		": restore it; or, to publish every event again into an empty stream: contrail rebuild --stream EVENTS")
}

// fillAnew is the way out that the sentence names. A stream that holds what is not the store's is deleted first.
func fillAnew(tb testing.TB, pool *pgxpool.Pool, js jetstream.JetStream) {
	tb.Helper()
	stream, err := js.Stream(tb.Context(), "EVENTS")
	if err == nil && (stream.CachedInfo().State.Msgs > 0 || stream.CachedInfo().Config.Sealed) {
		require.NoError(tb, js.DeleteStream(tb.Context(), "EVENTS"))
	}
	drained, err := newRelay(tb, pool, js, impatient()).Rebuild(tb.Context(), nil)
	require.NoError(tb, err)
	require.True(tb, drained.OK, "%+v", drained)
	requireExact(tb, pool, js)
}

// The same stream, without its messages: nobody who reads it would notice, so the relay tells. It is filled again from where it ends.
func TestRelayStopsAtAnEmptiedStream(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 20)
	relayAll(t, pool, js)
	dropAll(t, js)
	for range 2 {
		requireLost(t, runFails(t, pool, js), "was emptied (it had 20)")
		insertEvents(t, pool, 10)
	}
	fillAnew(t, pool, js)
}

// A stream that has lost its oldest messages takes new events behind the others. Verify names what is gone, and a repair publishes it again.
func TestRelayGoesOnAtAStreamThatHasLostItsBeginning(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 20)
	stop := start(t, newRelay(t, pool, js, impatient()))
	awaitCaughtUp(t, pool, js)
	drop(t, js, func(cfg *jetstream.StreamConfig) { cfg.MaxMsgs = 5 }, 5)
	insertEvents(t, pool, 10)
	awaitCaughtUp(t, pool, js)
	require.NoError(t, stop())
	insertEvents(t, pool, 10)
	relayAll(t, pool, js)
	report := verify(t, pool, js)
	require.False(t, report.OK)
	require.EqualValues(t, 15, report.MissingTotal)
	require.EqualValues(t, 25, report.Published)
	require.Zero(t, report.DuplicatesTotal+report.OutOfOrder+report.Foreign)

	stop = start(t, newRelay(t, pool, js, impatient()))
	repair, err := publisher.Repair(t.Context(), pool, js, publisher.VerifyConfig{})
	require.NoError(t, err)
	require.EqualValues(t, 15, repair.Asked)
	require.Eventually(t, func() bool { return verify(t, pool, js).OK }, patience, 100*time.Millisecond)
	require.NoError(t, stop())
	require.Len(t, readStream(t, js), 40)
}

func verify(tb testing.TB, pool *pgxpool.Pool, js jetstream.JetStream) publisher.Report {
	tb.Helper()
	report, err := publisher.Verify(tb.Context(), pool, js, publisher.VerifyConfig{})
	require.NoError(tb, err)
	return report
}

// What the relay creates can be neither purged nor have a message deleted, and no edit makes it so.
func TestNobodyPurgesTheRelaysStream(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 10)
	relayAll(t, pool, js)
	stream, err := js.Stream(t.Context(), "EVENTS")
	require.NoError(t, err)
	require.Error(t, stream.Purge(t.Context()))
	require.Error(t, stream.Purge(t.Context(), jetstream.WithPurgeKeep(5)))
	require.Error(t, stream.DeleteMsg(t.Context(), 5))
	for _, change := range []func(*jetstream.StreamConfig){
		func(cfg *jetstream.StreamConfig) { cfg.DenyPurge = false },
		func(cfg *jetstream.StreamConfig) { cfg.DenyDelete = false },
	} {
		cfg := stream.CachedInfo().Config
		change(&cfg)
		_, err = js.UpdateStream(t.Context(), cfg)
		require.Error(t, err)
	}
	requireExact(t, pool, js)
}

// A stream that could be purged was purged, and then forbidden to be. It is filled from where it ends, as soon as the broker has forgotten the message ids that
// it still knows: until then it takes the events for duplicates of those that are gone.
func TestRelayFillsAStreamThatWasPurged(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 10)
	relayAll(t, pool, js)
	messages := readStream(t, js)
	require.NoError(t, js.DeleteStream(t.Context(), "EVENTS"))
	createStream(t, js, func(cfg *jetstream.StreamConfig) { cfg.DenyPurge = false })
	for _, message := range messages {
		_, err := js.Publish(t.Context(), "events.bulk.0.Counted", nil, jetstream.WithMsgID(message.natsMsgID))
		require.NoError(t, err)
	}
	stream, err := js.Stream(t.Context(), "EVENTS")
	require.NoError(t, err)
	require.NoError(t, stream.Purge(t.Context()))
	require.ErrorIs(t, runFails(t, pool, js), publisher.ErrStreamConfig)
	edit(t, js, func(cfg *jetstream.StreamConfig) { cfg.DenyPurge, cfg.Duplicates = true, time.Second })
	requireLost(t, runFails(t, pool, js), "was emptied (it had 10)")
	fillAnew(t, pool, js)
}

// The stream is deleted, and another takes its subjects and happens to end at the same sequence: it takes the events, too.
func TestRelayNoticesThatAnotherStreamTakesItsEvents(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 10)
	ended := running(t, newRelay(t, pool, js, impatient()))
	awaitCaughtUp(t, pool, js)
	require.NoError(t, js.DeleteStream(t.Context(), "EVENTS"))
	createStream(t, js, func(cfg *jetstream.StreamConfig) { cfg.Name, cfg.FirstSeq = "OTHERS", 11 })
	insertEvents(t, pool, 10)
	err := awaitEnd(t, ended)
	require.ErrorIs(t, err, publisher.ErrForeignStream)
	require.ErrorContains(t, err, "is gone (it had 10)")
}

// keptBroker is a server whose store can be backed up.
type keptBroker struct {
	*localstack.NATS
	folder string
}

func startKeptBroker(tb testing.TB) (jetstream.JetStream, keptBroker) {
	tb.Helper()
	dir := tb.TempDir()
	broker, err := localstack.StartNATS(localstack.NATSConfig{Dir: dir})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, broker.Close()) })
	js, err := jetstream.New(natstest.Connect(tb, broker.URL()))
	require.NoError(tb, err)
	return js, keptBroker{broker, filepath.Join(dir, "jetstream")}
}

// backUp copies the store, for which the server is stopped; putBack puts the copy in the place of what the server has by then.
func (b keptBroker) backUp(tb testing.TB) (putBack func()) {
	tb.Helper()
	backup := filepath.Join(tb.TempDir(), "backup")
	require.NoError(tb, b.Stop())
	require.NoError(tb, os.CopyFS(backup, os.DirFS(b.folder)))
	require.NoError(tb, b.Restart())
	return func() {
		tb.Helper()
		require.NoError(tb, b.Stop())
		require.NoError(tb, os.RemoveAll(b.folder))
		require.NoError(tb, os.CopyFS(b.folder, os.DirFS(backup)))
		require.NoError(tb, b.Restart())
	}
}

// The broker is restored from an older backup: what it lacks is sent again, once, and counted.
func TestRelayMendsABrokerRestoredFromAnOlderBackup(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"while it runs", "while it is down"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			js, broker := startKeptBroker(t)
			insertEvents(t, pool, 20)
			stop := start(t, newRelay(t, pool, js, impatient()))
			awaitCaughtUp(t, pool, js)
			putBack := broker.backUp(t)
			insertEvents(t, pool, 30)
			awaitCaughtUp(t, pool, js)
			if name == "while it is down" {
				require.NoError(t, stop())
			}
			putBack()
			insertEvents(t, pool, 10)
			stop = start(t, newRelay(t, pool, js, impatient()))
			awaitCaughtUp(t, pool, js)
			require.NoError(t, stop())
			requireExact(t, pool, js)
			status, err := publisher.ReadStatus(t.Context(), pool, js, "EVENTS")
			require.NoError(t, err)
			require.EqualValues(t, 30, status.Lost)
		})
	}
}

// Backups of broker and store are of different moments, the store's cursor among them: what stands in the stream decides.
func TestRelayOutlastsABackupOfTheBrokerThatIsOlderThanTheCursor(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, broker := startKeptBroker(t)
	putBack := broker.backUp(t) // without the stream
	insertEvents(t, pool, 20)
	relayAll(t, pool, js)
	putBack()
	requireLost(t, runFails(t, pool, js), "is gone (it had 20)")
	fillAnew(t, pool, js)
}
