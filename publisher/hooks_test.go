package publisher_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
)

// told is what hooks have said.
type told struct {
	mu        sync.Mutex
	leads     []bool
	published []contrail.Position
	sequence  uint64
}

func (h *told) hooks() publisher.Hooks {
	return publisher.Hooks{
		OnLeader: func(_ context.Context, leads bool) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.leads = append(h.leads, leads)
		},
		OnPublished: func(_ context.Context, batch publisher.Published) {
			h.mu.Lock()
			defer h.mu.Unlock()
			for _, event := range batch.Events {
				h.published = append(h.published, event.Position)
			}
			h.sequence = batch.Sequence
		},
	}
}

func TestHooksTellTheApplication(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	var h told
	cfg := impatient()
	cfg.Hooks = h.hooks()
	insertEvents(t, pool, 100)
	stop := start(t, newRelay(t, pool, js, cfg))
	awaitCaughtUp(t, pool, js)
	require.NoError(t, stop())
	require.Equal(t, []bool{true, false}, h.leads)
	require.Len(t, h.published, 100)
	for i, position := range h.published {
		require.EqualValues(t, i+1, position)
	}
	require.EqualValues(t, 100, h.sequence)
}

// A hook that panics harms nobody.
func TestAHookThatPanics(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	cfg := impatient()
	cfg.Hooks = publisher.Hooks{
		OnLeader:    func(context.Context, bool) { panic("leader") },
		OnPublished: func(context.Context, publisher.Published) { panic("published") },
		OnParked:    func(context.Context, publisher.Left) { panic("parked") },
	}
	cfg.Attempts, cfg.Subject = 1, "{tenant_id}.{category}.{id}.{type}"
	insertEvents(t, pool, 1)
	_, err := pool.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data, metadata) VALUES ('a-1', 1, 'Done', '{}', '{"tenant_id":"acme"}')`)
	require.NoError(t, err)
	stop := start(t, newRelay(t, pool, js, cfg))
	awaitStates(t, pool, "1:parked")
	awaitCaughtUp(t, pool, js)
	require.NoError(t, stop())
	require.Equal(t, []string{"2"}, positionsIn(t, js))
}

// Several stores are relayed by one process, each into a stream of its own; one that stops for good stops no other.
func TestRunAllRelaysSeveralStores(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	one, two, broken := pgtest.New(t), pgtest.New(t), pgtest.New(t)
	insertEvents(t, one, 50)
	insertEvents(t, two, 70)
	second, foreign := impatient(), impatient()
	second.Stream, second.Prefix = "SECOND", "second"
	foreign.Stream, foreign.Prefix = "FOREIGN", "foreign"
	insertEvents(t, broken, 1)
	relay := newRelay(t, broken, js, foreign)
	_, err := relay.Drain(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, js.DeleteStream(t.Context(), "FOREIGN"))

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	relays := []*publisher.Relay{newRelay(t, one, js, impatient()), newRelay(t, two, js, second), relay}
	go func() { ended <- publisher.RunAll(ctx, relays...) }()
	awaitCaughtUp(t, one, js)
	require.Eventually(t, func() bool {
		status, err := publisher.ReadStatus(t.Context(), two, js, "SECOND")
		return err == nil && status.LagEvents == 0
	}, patience, 5*time.Millisecond)
	cancel()
	require.ErrorIs(t, <-ended, publisher.ErrForeignStream)
	requireExact(t, one, js)
	report, err := publisher.Verify(t.Context(), two, js, publisher.VerifyConfig{Stream: "SECOND"})
	require.NoError(t, err)
	require.True(t, report.OK)
	require.EqualValues(t, 70, report.Published)
}

// The data is the payload and the attributes are headers; whatever reads the stream back reads both forms, also in one stream.
func TestBinaryFormat(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 20)
	relayAll(t, pool, js)
	cfg := impatient()
	cfg.Format = publisher.Binary
	insertEvents(t, pool, 20)
	drained, err := newRelay(t, pool, js, cfg).Drain(t.Context(), nil)
	require.NoError(t, err)
	require.True(t, drained.OK)
	stream, err := js.Stream(t.Context(), "EVENTS")
	require.NoError(t, err)
	msg, err := stream.GetMsg(t.Context(), 21)
	require.NoError(t, err)
	require.JSONEq(t, `{"n":0}`, string(msg.Data))
	require.Equal(t, "Counted", msg.Header.Get("ce-type"))
	require.Equal(t, "00000000000000000021", msg.Header.Get("ce-sequence"))
	_, err = pool.Exec(t.Context(), `DELETE FROM contrail.relays`) // everything is read back
	require.NoError(t, err)
	insertEvents(t, pool, 5)
	relayAll(t, pool, js)
	require.True(t, verify(t, pool, js).OK)
}
