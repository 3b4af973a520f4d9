package subscribers_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

// What an attempt has written that fails is gone with its transaction, and stays if it was written beside it.
func TestWritesOfAFailedAttempt(t *testing.T) {
	t.Parallel()
	for form, want := range map[string]int{formPlain: 3, formTx: 1, formSQL: 1} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			w, pool := newWorld(t), pgtest.New(t)
			createEffects(t, pool)
			sub := w.subscribe(t, subscribers.Config{Inbox: inboxOf(t, pool, form)})
			if form == formPlain {
				subscribers.Handle(sub, func(ctx context.Context, e contrail.Delivered[drafted]) error {
					if _, err := pool.Exec(ctx, effectSQL, e.Position); err != nil {
						return err
					}
					return untilThird(ctx, e)
				})
			} else {
				register(sub, form, pool, untilThird)
			}
			w.publish(t, "invoice-1", drafted{})
			run(t, sub)
			w.settled(t)
			require.Equal(t, map[int]int{1: want}, applied(t, pool))
		})
	}
}

func untilThird(_ context.Context, e contrail.Delivered[drafted]) error {
	if e.Delivery.Attempt < 3 {
		return errBroken
	}
	return nil
}

// A database that refuses a transaction for the sake of another one refuses an attempt: the event is tried again, as often as any, and its state is told.
func TestSerializationFailures(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"40001", "40P01"} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			w, pool := newWorld(t), pgtest.New(t)
			createEffects(t, pool)
			sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pool), MaxDeliver: 4})
			subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[drafted]) error {
				if err := takeEffect(ctx, tx, e); err != nil {
					return err
				}
				if e.Data.N == 0 && e.Delivery.Attempt < 3 || e.Data.N == 1 {
					_, err := tx.Exec(ctx, fmt.Sprintf(`DO $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '%s'; END $$`, state))
					var refusal *pgconn.PgError
					if !errors.As(err, &refusal) || refusal.Code != state {
						return contrail.Permanent(err)
					}
					return err
				}
				return nil
			})
			w.publishMany(t, 5, 5)
			run(t, sub)
			w.settled(t)
			require.Equal(t, once(1, 3, 4, 5), applied(t, pool))
			letter := w.awaitLetters(t, 1)[0]
			require.Equal(t, [2]any{subscribers.ReasonExhausted, 4}, [2]any{letter.Reason, letter.Deliveries})
			require.Contains(t, letter.Error, "SQLSTATE "+state)
		})
	}
}

// Two processes have the same event at the same time, as two messages: the second one waits for the first one's transaction, and then has nothing to do;
// or, if that one fails, it is the one that has the effect.
func TestTwoProcessesOneWinner(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]bool{"the first one wins": false, "the first one fails": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, pool := newWorld(t), pgtest.New(t)
			createEffects(t, pool)
			inside, proceed := make(chan struct{}, 9), make(chan struct{})
			start := func(verdict error) *subscribers.Subscription {
				sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pool), MaxAckPending: 2, MaxDeliver: 1})
				register(sub, formTx, pool, func(context.Context, contrail.Delivered[drafted]) error {
					inside <- struct{}{}
					<-proceed
					return verdict
				})
				return sub
			}
			var verdict error
			if fails {
				verdict = errBroken
			}
			first, second := start(verdict), start(nil)
			event := w.event("invoice-1", drafted{})
			w.send(t, event)
			run(t, first)
			receive(t, inside)
			run(t, second)
			eventually(t, func() bool { // both ask for more, and only the second one is free; which of them gets it is up to the broker
				consumer, err := w.js.Consumer(t.Context(), wire.DefaultStream, "test")
				return err == nil && consumer.CachedInfo().NumWaiting > 1
			})
			w.twice(t, event)
			eventually(t, func() bool { return first.Stats().Delivered+second.Stats().Delivered == 2 })
			close(proceed)
			w.settled(t)
			took, dead := len(applied(t, pool)), len(w.deadLetters(t))
			require.Equal(t, 1, took+dead, "in effect or a dead letter, and not both")
			if !fails {
				require.Equal(t, once(1), applied(t, pool))
			}
		})
	}
}
