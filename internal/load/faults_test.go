package load_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/load"
	"github.com/contrail-events/contrail/internal/wire"
)

// badRelay publishes what a fault makes of the events that it reads.
func (w *world) badRelay(t *testing.T, fault func(events []contrail.Recorded) []contrail.Recorded) func(ctx context.Context) error {
	t.Helper()
	_, err := w.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.>"}})
	require.NoError(t, err)
	return func(ctx context.Context) error {
		conn, err := w.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		feed, err := eventstore.NewFeed(conn.Conn(), eventstore.FeedConfig{})
		if err != nil {
			return err
		}
		ids := map[string]bool{}
		look := time.NewTicker(10 * time.Millisecond)
		defer look.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-look.C:
			}
			events, err := feed.Next(context.WithoutCancel(ctx))
			if err != nil {
				return err
			}
			for _, event := range fault(events) {
				msg := &nats.Msg{Subject: wire.Subject("events", event), Data: wire.Append(nil, "/contrail/x", event), Header: nats.Header{}}
				if id := event.ID.String(); !ids[id] { // the broker would not take it twice
					ids[id] = true
					msg.Header.Set(wire.HeaderMsgID, id)
				}
				if _, err := w.js.PublishMsg(context.WithoutCancel(ctx), msg); err != nil {
					return err
				}
			}
		}
	}
}

// What goes wrong on the way is found where events arrive.
func TestRunFindsFaults(t *testing.T) {
	t.Parallel()
	nth := func(e contrail.Recorded, n int64) bool {
		return e.Version%10 == n && e.Stream.ID()[len(e.Stream.ID())-1] != '5'
	} // not what warms up
	for name, given := range map[string]struct {
		fault func([]contrail.Recorded) []contrail.Recorded
		want  func(t *testing.T, r load.Report)
	}{
		"lost": {
			func(events []contrail.Recorded) (rest []contrail.Recorded) {
				for _, e := range events {
					if !nth(e, 3) && !nth(e, 0) {
						rest = append(rest, e)
					}
				}
				return rest
			},
			func(t *testing.T, r load.Report) {
				t.Helper()
				require.EqualValues(t, 40, r.Lost)
				require.EqualValues(t, 160, r.Handled)
			},
		},
		"doubled": {
			func(events []contrail.Recorded) (more []contrail.Recorded) {
				for _, e := range events {
					more = append(more, e)
					if nth(e, 3) {
						more = append(more, e)
					}
				}
				return more
			},
			func(t *testing.T, r load.Report) {
				t.Helper()
				require.EqualValues(t, 20, r.Doubled)
				require.EqualValues(t, 200, r.Handled)
			},
		},
		"out of order": {
			func() func([]contrail.Recorded) []contrail.Recorded {
				held := map[contrail.StreamID]contrail.Recorded{}
				return func(events []contrail.Recorded) (turned []contrail.Recorded) {
					for _, e := range events {
						if nth(e, 3) {
							held[e.Stream] = e
							continue
						}
						turned = append(turned, e)
						if before, is := held[e.Stream]; is {
							turned = append(turned, before)
							delete(held, e.Stream)
						}
					}
					return turned
				}
			}(),
			func(t *testing.T, r load.Report) {
				t.Helper()
				require.EqualValues(t, 20, r.OutOfOrder)
				require.EqualValues(t, 200, r.Handled)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			cfg := w.config()
			cfg.Patience, cfg.Relay = 5*time.Second, w.badRelay(t, given.fault)
			r := w.run(t, cfg)
			require.False(t, r.OK)
			given.want(t, r)
			require.Len(t, []int64{1}, int(min(1, r.Lost)+min(1, r.Doubled)+min(1, r.OutOfOrder)), "%+v", r)
		})
	}
}

// Where nothing arrives any more there is no room for more events, and nobody waits for it for ever.
func TestRunEndsWhenNothingArrives(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := w.config()
	cfg.Rate, cfg.Count, cfg.Outstanding, cfg.Patience = 0, 1000, 20, 5*time.Second
	passed := 0
	cfg.Relay = w.badRelay(t, func(events []contrail.Recorded) []contrail.Recorded {
		events = events[:max(0, min(len(events), 54-passed))] // four to warm up, and fifty
		passed += len(events)
		return events
	})
	r := w.run(t, cfg)
	require.False(t, r.OK)
	require.EqualValues(t, 50, r.Handled)
	require.EqualValues(t, 70, r.Appended)
	require.EqualValues(t, 20, r.Lost)
	require.Positive(t, r.HeldBack)
}
