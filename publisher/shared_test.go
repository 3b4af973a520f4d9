package publisher_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
)

// sharing relays into a stream that takes more than the relay's subjects.
func sharing(tb testing.TB, js jetstream.JetStream) publisher.Config {
	tb.Helper()
	stream := publisher.StreamConfig(publisher.Config{})
	stream.Subjects = []string{"events.>", "other.>"}
	_, err := js.CreateStream(tb.Context(), stream)
	require.NoError(tb, err)
	cfg := impatient()
	cfg.Fence = publisher.MsgID
	return cfg
}

func publishOther(tb testing.TB, js jetstream.JetStream) {
	tb.Helper()
	_, err := js.Publish(context.Background(), "other.thing", []byte("hello"))
	require.NoError(tb, err)
}

func verifyShared(tb testing.TB, pool *pgxpool.Pool, js jetstream.JetStream) publisher.Report {
	tb.Helper()
	report, err := publisher.Verify(context.Background(), pool, js, publisher.VerifyConfig{Shared: true})
	require.NoError(tb, err)
	return report
}

// Others write to the stream before, between and behind the relay's events, and while it is down.
func TestMsgIDFenceSharesAStream(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	cfg := sharing(t, js)
	publishOther(t, js)
	for range 3 {
		insertEvents(t, pool, 30)
		stop := start(t, newRelay(t, pool, js, cfg))
		for range 10 {
			publishOther(t, js)
			insertEvents(t, pool, 5)
		}
		awaitDrained(t, pool, js, cfg)
		require.NoError(t, stop())
		publishOther(t, js)
	}
	report := verifyShared(t, pool, js)
	require.True(t, report.OK, "%+v", report)
	require.EqualValues(t, 240, report.Published)
	require.EqualValues(t, 34, report.Foreign)
}

// On a cluster, whose stream has a message's number before it has the message, a relay that shares it loses its leader now and then.
func TestMsgIDFenceOnACluster(t *testing.T) {
	t.Parallel()
	cluster := natstest.Cluster(t, 3)
	pool, js := pgtest.New(t), cluster.JetStream(t)
	cfg := sharing(t, js)
	stream := publisher.StreamConfig(publisher.Config{Replicas: 3})
	stream.Subjects = []string{"events.>", "other.>"}
	_, err := js.UpdateStream(t.Context(), stream)
	require.NoError(t, err)
	cluster.Await("EVENTS")
	appending := keepAppending(t, pool)
	stop := start(t, newRelay(t, pool, js, cfg))
	for range 3 {
		insertEvents(t, pool, 500)
		require.Eventually(t, func() bool { return cluster.StepDown("EVENTS") == nil }, patience, 10*time.Millisecond)
		awaitProgress(t, js)
	}
	appending()
	cluster.Await("EVENTS")
	awaitDrained(t, pool, js, cfg)
	require.NoError(t, stop())
	report := verifyShared(t, pool, js)
	require.True(t, report.OK, "%+v", report)
}

// Messages that the broker has lost on their way are found by reading back, and come then, marked.
func TestMsgIDFenceFindsWhatWasLostOnItsWay(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	cfg := sharing(t, js)
	insertEvents(t, pool, 20)
	awaitDrained(t, pool, js, cfg)
	_, err := pool.Exec(t.Context(), `UPDATE contrail.relays SET position = 5, sequence = 5`) // a relay died long ago
	require.NoError(t, err)
	loseMessages(t, js, 9, 12)
	publishOther(t, js)
	awaitDrained(t, pool, js, cfg)
	require.Equal(t, []string{"9:published", "12:published"}, states(t, pool))
	report := verifyShared(t, pool, js)
	require.True(t, report.OK, "%+v", report)
	require.EqualValues(t, 2, report.Resent)
}

// The cursor is lost: everything is read back.
func TestMsgIDFenceFindsALostCursor(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	cfg := sharing(t, js)
	insertEvents(t, pool, 20)
	awaitDrained(t, pool, js, cfg)
	publishOther(t, js)
	_, err := pool.Exec(t.Context(), `DELETE FROM contrail.relays`)
	require.NoError(t, err)
	insertEvents(t, pool, 20)
	awaitDrained(t, pool, js, cfg)
	report := verifyShared(t, pool, js)
	require.True(t, report.OK, "%+v", report)
	require.EqualValues(t, 40, report.Published)
}

// loseMessages makes the stream anew without some of its messages.
func loseMessages(tb testing.TB, js jetstream.JetStream, lost ...uint64) {
	tb.Helper()
	ctx := tb.Context()
	stream, err := js.Stream(ctx, "EVENTS")
	require.NoError(tb, err)
	var kept []*nats.Msg
	for sequence := uint64(1); sequence <= stream.CachedInfo().State.LastSeq; sequence++ {
		msg, err := stream.GetMsg(ctx, sequence)
		require.NoError(tb, err)
		if !slices.Contains(lost, sequence) {
			kept = append(kept, &nats.Msg{Subject: msg.Subject, Data: msg.Data, Header: msg.Header})
		}
	}
	require.NoError(tb, js.DeleteStream(ctx, "EVENTS"))
	require.Eventually(tb, func() bool { // the server may still be at deleting the former one's files
		_, err = js.CreateStream(ctx, stream.CachedInfo().Config)
		return err == nil
	}, patience, 10*time.Millisecond)
	for _, msg := range kept {
		_, err = js.PublishMsg(ctx, msg)
		require.NoError(tb, err)
	}
}

// awaitDrained relays all that is settled.
func awaitDrained(tb testing.TB, pool *pgxpool.Pool, js jetstream.JetStream, cfg publisher.Config) {
	tb.Helper()
	drained, err := newRelay(tb, pool, js, cfg).Drain(tb.Context(), nil)
	require.NoError(tb, err)
	require.True(tb, drained.OK, "%+v", drained)
}
