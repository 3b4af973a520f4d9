package publisher_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
)

// createStream creates a stream as the relay would, but for a change.
func createStream(tb testing.TB, js jetstream.JetStream, change func(*jetstream.StreamConfig)) {
	tb.Helper()
	cfg := jetstream.StreamConfig{
		Name: "EVENTS", Subjects: []string{"events.>"}, Storage: jetstream.FileStorage, DenyDelete: true, DenyPurge: true,
	}
	change(&cfg)
	// A server that is still clearing away a stream of the same name refuses for a moment.
	require.Eventually(tb, func() bool {
		_, err := js.CreateStream(tb.Context(), cfg)
		api, refused := errors.AsType[*jetstream.APIError](err)
		const storeFailed = 10049
		if err != nil && (!refused || api.ErrorCode != storeFailed) {
			tb.Errorf("create stream: %v", err)
			return true
		}
		return err == nil
	}, patience, 10*time.Millisecond)
}

func TestRelayCreatesTheStream(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 1)
	start(t, newRelay(t, pool, js, publisher.Config{}))
	awaitCaughtUp(t, pool, js)
	stream, err := js.Stream(t.Context(), "EVENTS")
	require.NoError(t, err)
	cfg := stream.CachedInfo().Config
	require.Equal(t, []string{"events.>"}, cfg.Subjects)
	require.Equal(t, jetstream.FileStorage, cfg.Storage)
	require.Equal(t, jetstream.LimitsPolicy, cfg.Retention)
	require.True(t, cfg.DenyDelete)
	require.True(t, cfg.DenyPurge)
	require.Equal(t, 2*time.Minute, cfg.Duplicates)
}

func TestRelayRefusesAStreamThatWouldBreakAPromise(t *testing.T) {
	t.Parallel()
	for field, change := range map[string]func(*jetstream.StreamConfig){
		"Subjects":          func(cfg *jetstream.StreamConfig) { cfg.Subjects = []string{"events.>", "others.>"} },
		"Storage":           func(cfg *jetstream.StreamConfig) { cfg.Storage = jetstream.MemoryStorage },
		"Retention":         func(cfg *jetstream.StreamConfig) { cfg.Retention = jetstream.WorkQueuePolicy },
		"Discard":           func(cfg *jetstream.StreamConfig) { cfg.Discard = jetstream.DiscardNew },
		"NoAck":             func(cfg *jetstream.StreamConfig) { cfg.NoAck = true },
		"MaxMsgsPerSubject": func(cfg *jetstream.StreamConfig) { cfg.MaxMsgsPerSubject = 1 },
		"MaxAge":            func(cfg *jetstream.StreamConfig) { cfg.MaxAge = time.Hour },
		"MaxMsgs":           func(cfg *jetstream.StreamConfig) { cfg.MaxMsgs = 1000 },
		"MaxBytes":          func(cfg *jetstream.StreamConfig) { cfg.MaxBytes = 1 << 30 },
		"DenyDelete":        func(cfg *jetstream.StreamConfig) { cfg.DenyDelete = false },
		"DenyPurge":         func(cfg *jetstream.StreamConfig) { cfg.DenyPurge = false },
		"SubjectTransform": func(cfg *jetstream.StreamConfig) {
			cfg.SubjectTransform = &jetstream.SubjectTransformConfig{Source: "events.>", Destination: "others.>"}
		},
		"PersistMode": func(cfg *jetstream.StreamConfig) { cfg.PersistMode = jetstream.AsyncPersistMode },
		"Mirror":      func(cfg *jetstream.StreamConfig) { cfg.Sources = []*jetstream.StreamSource{{Name: "OTHER"}} },
	} {
		t.Run(field, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			js, _ := natstest.JetStream(t)
			createStream(t, js, change)
			err := newRelay(t, pool, js, publisher.Config{}).Run(t.Context())
			require.ErrorIs(t, err, publisher.ErrStreamConfig)
			require.ErrorContains(t, err, field)
		})
	}
}

func TestNewRelayNamesEveryFaultyField(t *testing.T) {
	t.Parallel()
	_, err := publisher.NewRelay(nil, nil, publisher.Config{
		Stream: "a b", Prefix: "a.*", Name: "x/y", Replicas: 9, BatchEvents: -1, BatchBytes: -1, InFlight: -1, AckTimeout: -1,
		Wake:     eventstore.Notify(-1),
		RetryMin: time.Minute,
	})
	for _, field := range []string{
		"pool", "Stream", "Prefix", "Name", "Replicas", "BatchEvents", "BatchBytes", "InFlight", "AckTimeout", "Wake: safety read", "RetryMin",
	} {
		require.ErrorContains(t, err, field)
	}
}
