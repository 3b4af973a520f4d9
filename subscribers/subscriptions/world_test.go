package subscriptions_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

const (
	patience = 30 * time.Second
	source   = "/contrail/test/01920000-0000-7000-8000-000000000001"
)

type counted struct {
	N int `json:"n"`
}

func (counted) EventType() string { return "Counted" }

// world is a broker with the stream that a relay would have made, and a subscriber's database, whose handlers count.
type world struct {
	testing.TB

	js       jetstream.JetStream
	pool     *pgxpool.Pool
	name     subscriptions.Name
	position contrail.Position
	log      *testLog
}

func newWorld(t *testing.T) *world {
	t.Helper()
	js, _ := natstest.JetStream(t)
	w := &world{TB: t, js: js, pool: pgtest.New(t), name: subscriptions.Name{Durable: "test"}, log: &testLog{}}
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.>", "orders.>"}, AllowDirect: true})
	require.NoError(t, err)
	w.exec(`CREATE TABLE effects (n bigint GENERATED ALWAYS AS IDENTITY, position bigint NOT NULL)`)
	return w
}

func (w *world) exec(statement string, args ...any) {
	w.Helper()
	_, err := w.pool.Exec(context.WithoutCancel(w.Context()), statement, args...)
	require.NoError(w, err)
}

// event is a message as the relay would publish it.
func (w *world) event(stream, eventType string, position contrail.Position) *nats.Msg {
	w.Helper()
	id, err := contrail.ParseStreamID(stream)
	require.NoError(w, err)
	event := contrail.Recorded{
		Position: position, ID: uuid.New(), Stream: id, Version: int64(position), Type: eventType, Data: fmt.Appendf(nil, `{"n":%d}`, position),
		Metadata: contrail.Metadata{}, RecordedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
	msg := nats.NewMsg(wire.Subject("events", event))
	msg.Data = wire.Append(nil, source, event)
	msg.Header.Set(wire.HeaderContentType, wire.ContentType)
	msg.Header.Set(wire.HeaderMsgID, event.ID.String())
	return msg
}

// append publishes the next events of a stream, in their order.
func (w *world) append(stream string, events int) {
	w.Helper()
	for range events {
		w.position++
		w.publish(w.event(stream, "Counted", w.position))
	}
}

// late publishes an event that was left out.
func (w *world) late(stream string, position contrail.Position, resent string) {
	w.Helper()
	msg := w.event(stream, "Counted", position)
	wire.Mark(msg.Header, resent, w.position)
	w.publish(msg)
}

func (w *world) publish(msg *nats.Msg) {
	w.Helper()
	_, err := w.js.PublishMsg(w.Context(), msg)
	require.NoError(w, err)
}

// subscribe makes the subscription "test", which counts effects.
func (w *world) subscribe(config subscribers.Config) *subscribers.Subscription {
	w.Helper()
	return w.handle(config, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[counted]) error {
		_, err := tx.Exec(ctx, `INSERT INTO effects (position) VALUES ($1)`, e.Position)
		return err
	})
}

func (w *world) handle(
	config subscribers.Config, handle func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[counted]) error,
) *subscribers.Subscription {
	w.Helper()
	if config.Durable == "" {
		config.Durable = "test"
	}
	config.Inbox, config.Logger = subscribers.NewInbox(w.pool), slog.New(slog.NewTextHandler(w.log, nil))
	config.Backoff = subscribers.Backoff{Min: 10 * time.Millisecond, Max: 40 * time.Millisecond}
	sub, err := subscribers.New(w.js, config)
	require.NoError(w, err)
	subscribers.HandleTx(sub, handle)
	return sub
}

// run runs a subscription until the test ends, or stop is called, and then wants no error.
func (w *world) run(sub *subscribers.Subscription) (stop func()) {
	w.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.Context()))
	ended := make(chan error, 1)
	go func() { ended <- sub.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			require.NoError(w, err)
		case <-time.After(patience):
			require.Fail(w, "Run does not return")
		}
	})
	w.Cleanup(stop)
	return stop
}

// effects are the positions that took effect, in order.
func (w *world) effects() []contrail.Position {
	w.Helper()
	rows, err := w.pool.Query(context.WithoutCancel(w.Context()), `SELECT position FROM effects ORDER BY n`)
	require.NoError(w, err)
	found, err := pgx.CollectRows(rows, pgx.RowTo[contrail.Position])
	require.NoError(w, err)
	return found
}

// settled waits until nothing is to come and nothing in hand, and what took effect is as it should be.
func (w *world) settled(want ...contrail.Position) {
	w.Helper()
	stream, err := w.js.Stream(w.Context(), "EVENTS")
	require.NoError(w, err)
	last := stream.CachedInfo().State.LastSeq
	w.await(func(got subscriptions.Subscription) bool {
		return got.Delivered.Sequence >= last && got.Lag == 0 && got.Requeued == 0 && len(w.effects()) >= len(want)
	})
	require.Equal(w, want, w.effects())
}

// requeuedAreSettled waits until so many events have taken effect all together, and nothing is requeued: the broker counts what it has just
// taken with a delay.
func (w *world) requeuedAreSettled(effects int) {
	w.Helper()
	w.await(func(got subscriptions.Subscription) bool { return got.Requeued == 0 && len(w.effects()) >= effects })
	require.Len(w, w.effects(), effects)
}

func (w *world) eventually(condition func() bool) {
	w.Helper()
	require.Eventually(w, condition, patience, 10*time.Millisecond)
}

// await waits until the subscription is as it should be.
func (w *world) await(so func(subscriptions.Subscription) bool) {
	w.Helper()
	w.eventually(func() bool {
		got, err := subscriptions.Get(w.Context(), w.js, w.name)
		return err == nil && so(got)
	})
}

func (w *world) get() subscriptions.Subscription {
	w.Helper()
	got, err := subscriptions.Get(w.Context(), w.js, w.name)
	require.NoError(w, err)
	return got
}

// upTo are the positions from one to another.
func upTo(from, to contrail.Position) (all []contrail.Position) {
	for position := from; position <= to; position++ {
		all = append(all, position)
	}
	return all
}

// testLog keeps what a subscription logs.
type testLog struct {
	mu   sync.Mutex
	text []byte
}

func (l *testLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, line...)
	return len(line), nil
}

func (l *testLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}
