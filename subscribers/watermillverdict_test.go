package subscribers_test

import (
	"context"
	stdsql "database/sql"
	"errors"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers"
)

var errRefused = errors.New("refused")

// route runs a router with one handler until the test ends.
func route(tb testing.TB, subscriber message.Subscriber, handle message.NoPublishHandlerFunc, middlewares ...message.HandlerMiddleware) {
	tb.Helper()
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	require.NoError(tb, err)
	router.AddMiddleware(middlewares...)
	router.AddConsumerHandler("test", "*", subscriber, handle)
	runRouter(tb, router)
}

func runRouter(tb testing.TB, router *message.Router) {
	tb.Helper()
	ended := make(chan error, 1)
	go func() { ended <- router.Run(context.WithoutCancel(tb.Context())) }()
	tb.Cleanup(func() {
		require.NoError(tb, router.Close())
		require.NoError(tb, receive(tb, ended))
	})
	receive(tb, router.Running())
}

// letter waits for the one dead letter.
func (w *world) letter(tb testing.TB) subscribers.DeadLetter {
	tb.Helper()
	eventually(tb, func() bool {
		_, err := w.js.Stream(tb.Context(), "DEADLETTERS")
		return err == nil && len(w.deadLetters(tb)) > 0
	})
	letters := w.deadLetters(tb)
	require.Len(tb, letters, 1)
	return letters[0]
}

func TestWatermillVerdictPermanent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event := w.publish(t, "invoice-1", drafted{N: 7})
	route(t, w.subscriber(t, subscribers.Config{}), func(*message.Message) error {
		return contrail.Permanent(errRefused)
	}, subscribers.Verdict)
	letter := w.letter(t)
	require.Equal(t, subscribers.ReasonPermanent, letter.Reason)
	require.Equal(t, 1, letter.Deliveries)
	require.Equal(t, "refused", letter.Error)
	require.Equal(t, event.ID.String(), letter.MsgID)
	require.Contains(t, string(letter.Data), `"data":{"n":7}`)
}

func TestWatermillVerdictPanic(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(t, "invoice-1", drafted{})
	route(t, w.subscriber(t, subscribers.Config{MaxDeliver: 2}), func(*message.Message) error { panic("at the disco") }, subscribers.Verdict)
	letter := w.letter(t)
	require.Equal(t, subscribers.ReasonExhausted, letter.Reason)
	require.Equal(t, "panic: at the disco", letter.Error)
	require.Contains(t, letter.Stack, "TestWatermillVerdictPanic")
}

func TestWatermillVerdictRetryAfter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(t, "invoice-1", drafted{})
	handled := make(chan time.Time, 2)
	slow := subscribers.Backoff{Min: time.Hour, Max: time.Hour}
	route(t, w.subscriber(t, subscribers.Config{Backoff: slow}), func(msg *message.Message) error {
		handled <- time.Now()
		event, _ := subscribers.DeliveredMessage(msg)
		if event.Delivery.Attempt == 1 {
			return contrail.RetryAfter(50*time.Millisecond, errRefused)
		}
		return nil
	}, subscribers.Verdict)
	first, second := receive(t, handled), receive(t, handled)
	require.Greater(t, second.Sub(first), 40*time.Millisecond)
	w.acknowledged(t, "test")
}

func TestWatermillVerdictSkip(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(t, "invoice-1", drafted{})
	handled := make(chan int, 9)
	subscriber := w.subscriber(t, subscribers.Config{MaxDeliver: 1})
	route(t, subscriber, func(msg *message.Message) error {
		event, _ := subscribers.DeliveredMessage(msg)
		handled <- event.Delivery.Attempt
		return contrail.Skip("not ours")
	}, subscribers.Verdict)
	require.Equal(t, 1, receive(t, handled))
	w.acknowledged(t, "test")
	require.Empty(t, w.deadLetters(t))
	expected := subscribers.Stats{Delivered: 1, Skipped: 1, SkipReasons: map[string]int64{"not ours": 1}}
	require.Equal(t, expected, subscriber.Stats())
	require.NoError(t, subscriber.Close())
	require.Equal(t, expected, subscriber.Stats())
}

// Without the middleware a dead letter can't tell why, but what it needs. Another subscriber's messages are none of its business.
func TestWatermillWithoutVerdict(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(t, "invoice-1", drafted{})
	route(t, w.subscriber(t, subscribers.Config{MaxDeliver: 2}), func(*message.Message) error { return errRefused })
	letter := w.letter(t)
	require.Equal(t, subscribers.ReasonExhausted, letter.Reason)
	require.Equal(t, 2, letter.Deliveries)
	require.Contains(t, letter.Error, "add the middleware subscribers.Verdict")

	elsewhere := message.NewMessage("1", nil)
	_, err := subscribers.Verdict(func(*message.Message) ([]*message.Message, error) { return nil, contrail.Skip("x") })(elsewhere)
	require.Error(t, err)
	_, ok := subscribers.DeliveredMessage(elsewhere)
	require.False(t, ok)
	_, ok = subscribers.TxFromContext(t.Context())
	require.False(t, ok)
	_, ok = subscribers.SQLTxFromContext(t.Context())
	require.False(t, ok)
}

// Whatever was reported, a message that is nacked has failed, and one that is acked has not.
func TestWatermillVerdictIsOverruled(t *testing.T) {
	t.Parallel()
	for name, expected := range map[string]struct {
		verdict error
		answer  func(*message.Message) bool
		letters int
	}{
		"good, nacked":      {nil, (*message.Message).Nack, 1},
		"skipped, nacked":   {contrail.Skip("x"), (*message.Message).Nack, 1},
		"permanent, acked":  {contrail.Permanent(errRefused), (*message.Message).Ack, 0},
		"permanent, nacked": {contrail.Permanent(errRefused), (*message.Message).Nack, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.publish(t, "invoice-1", drafted{})
			msg := take(t, listen(t, w.subscriber(t, subscribers.Config{MaxDeliver: 1}), "*"))
			handle := subscribers.Verdict(func(*message.Message) ([]*message.Message, error) { return nil, expected.verdict })
			_, _ = handle(msg)
			require.True(t, expected.answer(msg))
			w.acknowledged(t, "test")
			eventually(t, func() bool { return len(w.deadLetters(t)) == expected.letters })
		})
	}
}

// With an inbox, what a handler writes takes effect once, and what it wrote before it failed does not.
func TestWatermillInbox(t *testing.T) {
	t.Parallel()
	for name, setUp := range map[string]func(db *stdsql.DB, config *subscribers.Config) func(context.Context, string, ...any) error{
		"pgx": func(_ *stdsql.DB, _ *subscribers.Config) func(context.Context, string, ...any) error {
			return func(ctx context.Context, statement string, args ...any) error {
				tx, ok := subscribers.TxFromContext(ctx)
				if _, other := subscribers.SQLTxFromContext(ctx); !ok || other {
					return errors.New("no transaction")
				}
				_, err := tx.Exec(ctx, statement, args...)
				return err
			}
		},
		"database/sql": func(db *stdsql.DB, config *subscribers.Config) func(context.Context, string, ...any) error {
			config.Inbox = subscribers.NewInboxSQL(db)
			return func(ctx context.Context, statement string, args ...any) error {
				tx, ok := subscribers.SQLTxFromContext(ctx)
				if _, other := subscribers.TxFromContext(ctx); !ok || other {
					return errors.New("no transaction")
				}
				_, err := tx.ExecContext(ctx, statement, args...)
				return err
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			pool := pgtest.New(t)
			createEffects(t, pool)
			db := stdlib.OpenDBFromPool(pool)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			config := subscribers.Config{Inbox: subscribers.NewInbox(pool), MaxDeliver: 3}
			exec := setUp(db, &config)
			w.publishMany(t, 50, 10)
			route(t, w.subscriber(t, config), func(msg *message.Message) error {
				event, _ := subscribers.DeliveredMessage(msg)
				if err := exec(msg.Context(), effectSQL, event.Position); err != nil {
					return err
				}
				if event.Position%10 == 0 && event.Delivery.Attempt == 1 || event.Position == 50 {
					return errRefused
				}
				return nil
			}, subscribers.Verdict)
			w.settled(t)
			events, times := effects(t, pool)
			require.Equal(t, 49, events)
			require.Equal(t, 49, times)
			require.Equal(t, "refused", w.letter(t).Error)
		})
	}
}

// A handler that has a transaction and never answers is cut off from it.
func TestWatermillInboxOfAHandlerThatNeverAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool := pgtest.New(t)
	createEffects(t, pool)
	w.publish(t, "invoice-1", drafted{})
	subscriber := w.subscriber(t, subscribers.Config{Inbox: subscribers.NewInbox(pool), DrainTimeout: 10 * time.Millisecond})
	msg := take(t, listen(t, subscriber, "*"))
	tx, ok := subscribers.TxFromContext(msg.Context())
	require.True(t, ok)
	_, err := tx.Exec(t.Context(), effectSQL, 1)
	require.NoError(t, err)
	require.NoError(t, subscriber.Close())
	_, err = tx.Exec(t.Context(), effectSQL, 1)
	require.Error(t, err)
	events, _ := effects(t, pool)
	require.Zero(t, events)
}
