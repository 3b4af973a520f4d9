package dashboard_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/deadletters"
	"github.com/contrail-events/contrail/subscribers/steps"
)

// journeyPage is the JSON form of an event's journey.
type journeyPage struct {
	Sentence  string `json:"sentence"`
	Settled   bool   `json:"settled"`
	Published struct {
		State    string     `json:"state"`
		Sequence uint64     `json:"sequence"`
		At       *time.Time `json:"at"`
		Resent   string     `json:"resent"`
		Behind   int64      `json:"behind"`
		Ahead    int64      `json:"ahead"`
	} `json:"published"`
	Consumers []struct {
		Durable   string     `json:"durable"`
		State     string     `json:"state"`
		Text      string     `json:"text"`
		HandledAt *time.Time `json:"handled_at"`
		Attempts  []struct {
			Delivery int    `json:"delivery"`
			Verdict  string `json:"verdict"`
			Error    string `json:"error"`
		} `json:"attempts"`
		Letter *struct {
			ID    uint64 `json:"id"`
			State string `json:"state"`
		} `json:"letter"`
	} `json:"consumers"`
	Projections []struct {
		Name   string `json:"name"`
		Passed bool   `json:"passed"`
	} `json:"projections"`
	Deliveries []struct{ State string } `json:"deliveries"`
	Runs       []struct{ Key string }   `json:"runs"`
}

// journeyOf is that of the event that a condition on contrail.events finds.
func (w *world) journeyOf(condition string) journeyPage {
	w.Helper()
	page := w.event(value[string](w, `SELECT id::text FROM contrail.events WHERE `+condition))
	require.Empty(w, page.Unknown)
	return page.Journey
}

// awaitJourney waits until a journey is as it is to be.
func (w *world) awaitJourney(condition string, so func(journeyPage) bool) (journey journeyPage) {
	w.Helper()
	w.eventually(func() bool {
		journey = w.journeyOf(condition)
		return so(journey)
	})
	return journey
}

func TestJourneysOfAWholeWorld(t *testing.T) {
	t.Parallel()
	w := seeded(t)
	handled := w.awaitJourney(`stream = 'invoice-1' AND type = 'InvoiceIssued'`, func(j journeyPage) bool { return j.Consumers[0].State == "handled" })
	require.Equal(t, "published", handled.Published.State)
	require.NotZero(t, handled.Published.Sequence)
	require.NotNil(t, handled.Published.At)
	require.NotNil(t, handled.Consumers[0].HandledAt)
	require.Equal(t, "statement", handled.Projections[0].Name)
	require.True(t, handled.Projections[0].Passed)
	require.Contains(t, handled.Sentence, "of EVENTS; 1 consumer has settled it.")

	dead := w.journeyOf(`type = 'Poison'`)
	require.Equal(t, "dead_letter", dead.Consumers[0].State)
	require.Equal(t, "dead", dead.Consumers[0].Letter.State)
	require.Contains(t, dead.Sentence, "given up by billing")

	parked := w.journeyOf(`stream = 'letter-1' AND version = 1`)
	require.Equal(t, "parked", parked.Published.State)
	require.Equal(t, "unpublished", parked.Consumers[0].State)
	require.Contains(t, parked.Sentence, "Parked: the broker has refused it")
	held := w.journeyOf(`stream = 'letter-1' AND version = 2`)
	require.Equal(t, "held", held.Published.State)
	require.Equal(t, value[int64](w, `SELECT position FROM contrail.events WHERE stream = 'letter-1' AND version = 1`), held.Published.Behind)
	require.Equal(t, "discarded", w.journeyOf(`stream = 'letter-2'`).Published.State)
	requeued := w.awaitJourney(`stream = 'letter-3'`, func(j journeyPage) bool { return j.Published.State == "published" })
	require.Equal(t, "requeue", requeued.Published.Resent)
	require.Contains(t, requeued.Sentence, "out of its order")

	require.Equal(t, "succeeded", w.journeyOf(`stream = 'mail-1'`).Deliveries[0].State)
	lost := w.journeyOf(`stream = 'mail-9'`)
	require.Equal(t, "dispatched", lost.Deliveries[0].State)
	require.Contains(t, lost.Sentence, "1 delivery is under way")
}

// An event waits for the relay, is published, and then the stream loses it.
func TestJourneyBeforeAndAfterTheStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append("invoice-1", "Drafted", `{}`)
	w.append("invoice-1", "Issued", `{}`)
	waiting := w.journeyOf(`version = 2`)
	require.Equal(t, "waiting", waiting.Published.State)
	require.Equal(t, "Appended, and not published yet: 1 position is before it.", waiting.Sentence)
	require.Equal(t, "Appended, and not published yet: it is next.", w.journeyOf(`version = 1`).Sentence)
	require.True(t, waiting.Settled)

	relay, err := publisher.NewRelay(w.pool, w.js, publisher.Config{})
	require.NoError(t, err)
	w.run(relay.Run)
	published := w.awaitJourney(`version = 2`, func(j journeyPage) bool { return j.Published.State == "published" })
	require.Equal(t, "Published as message 2 of EVENTS; no consumer takes it.", published.Sentence)

	stream, err := w.js.Stream(t.Context(), "EVENTS")
	require.NoError(t, err)
	config := stream.CachedInfo().Config
	config.MaxMsgs = 1
	_, err = w.js.UpdateStream(t.Context(), config)
	require.NoError(t, err)
	require.Equal(t, "gone", w.journeyOf(`version = 1`).Published.State)
	require.Equal(t, "published", w.journeyOf(`version = 2`).Published.State)
}

// An event that others are before is told so, and one of a transaction that is not over is not settled.
func TestJourneyOfWhatIsNotSettled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tx, err := w.pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = tx.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data) VALUES ('slow-1', 1, 'Begun', '{}')`)
	require.NoError(t, err)
	w.append("invoice-1", "Drafted", `{}`)
	journey := w.journeyOf(`stream = 'invoice-1'`)
	require.False(t, journey.Settled)
	require.Equal(t, int64(1), journey.Published.Ahead)
	require.NoError(t, tx.Rollback(t.Context()))
	require.True(t, w.journeyOf(`stream = 'invoice-1'`).Settled)
}

type noted struct{ N int }

func (noted) EventType() string { return "Noted" }

// Each failed attempt is told, and what became of the event at last: with and without an inbox; in hand, requeued, and by consumers that filter it out.
func TestJourneyThroughFailures(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	relay, err := publisher.NewRelay(w.pool, w.js, publisher.Config{})
	require.NoError(t, err)
	w.run(relay.Run)
	flaky, stuck := make(chan struct{}), make(chan struct{})
	subscribe := func(config subscribers.Config, handle func(delivery int) error) {
		config.Backoff = subscribers.Backoff{Min: time.Millisecond, Max: time.Millisecond}
		sub, err := subscribers.New(w.js, config)
		require.NoError(t, err)
		subscribers.Handle(sub, func(ctx context.Context, e contrail.Delivered[noted]) error { return handle(e.Delivery.Attempt) })
		w.run(sub.Run)
	}
	w.append("note-1", "Noted", `{"n": 1}`)
	w.eventually(func() bool { _, err := w.js.Stream(t.Context(), "EVENTS"); return err == nil })
	subscribe(subscribers.Config{Durable: "flaky"}, func(delivery int) error {
		if delivery < 3 {
			return errors.New("the ledger is closed")
		}
		<-flaky
		return nil
	})
	subscribe(subscribers.Config{Durable: "hopeless", MaxDeliver: 2}, func(int) error { return errors.New("never") })
	subscribe(subscribers.Config{Durable: "slow"}, func(int) error { <-stuck; return nil })
	subscribe(subscribers.Config{Durable: "elsewhere", Filter: []string{"events.order.>"}}, func(int) error { return nil })
	state := func(j journeyPage, durable string) string {
		for _, one := range j.Consumers {
			if one.Durable == durable {
				return one.State
			}
		}
		return ""
	}
	journey := w.awaitJourney(`true`, func(j journeyPage) bool {
		return len(j.Consumers) == 3 && state(j, "hopeless") == "dead_letter" && state(j, "slow") == "in_hand" && len(j.Consumers[0].Attempts) == 2
	})
	require.Equal(t, "in_hand", state(journey, "flaky"))
	require.Empty(t, state(journey, "elsewhere"), "its filter does not take it")
	for n, attempt := range journey.Consumers[0].Attempts {
		require.Equal(t, n+1, attempt.Delivery)
		require.Equal(t, "retried", attempt.Verdict)
		require.Contains(t, attempt.Error, "the ledger is closed")
	}
	require.Contains(t, journey.Sentence, "given up by hopeless, in hand at flaky, slow")
	require.NotNil(t, journey.Consumers[1].Letter, "there is no inbox, but the letter is found")
	close(flaky)
	close(stuck)
	journey = w.awaitJourney(`true`, func(j journeyPage) bool { return state(j, "flaky") == "handled" && state(j, "slow") == "settled" })
	require.Contains(t, journey.Sentence, "settled by 2 of 3 consumers")
	for _, err := range deadletters.Discard(t.Context(), w.js, deadletters.At("", journey.Consumers[1].Letter.ID), deadletters.Decision{By: "ada@ops", Because: "old"}) {
		require.NoError(t, err)
	}
	journey = w.awaitJourney(`true`, func(j journeyPage) bool {
		return j.Consumers[1].Letter != nil && j.Consumers[1].Letter.State == "discarded"
	})
	require.Contains(t, journey.Consumers[1].Text, "ada@ops has discarded")
}

// Runs that a handler has begun are found by what has caused them.
func TestJourneyIntoRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event := w.append("order-1", "Placed", `{}`)
	other := w.append("order-2", "Placed", `{}`)
	halt := steps.Tx("check", func(context.Context, pgx.Tx, *steps.State) error { return steps.Halt("look at it") })
	_, err := steps.Run(contrail.CausedBy(t.Context(), event), w.pool, "orders/1", nil, halt)
	require.ErrorIs(t, err, steps.ErrHalted)
	_, err = steps.Run(contrail.CausedBy(t.Context(), other), w.pool, "orders/2", nil, halt)
	require.ErrorIs(t, err, steps.ErrHalted)
	journey := w.journeyOf(`stream = 'order-1'`)
	require.Len(t, journey.Runs, 1)
	require.Equal(t, "orders/1", journey.Runs[0].Key)
	require.Contains(t, journey.Sentence, "1 run is halted")
	require.Contains(t, w.page("/events/"+event.ID.String()), "orders/1")
}

// What can't be read says so, and the rest is there.
func TestJourneyWithoutABroker(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event := w.append("order-1", "Placed", `{}`)
	require.NoError(t, w.server.Close())
	page := w.event(event.ID.String())
	require.Equal(t, "order-1", page.Event.Stream)
	require.Equal(t, "unknown", page.Journey.Published.State)
	require.Contains(t, page.Journey.Sentence, "not everything could be read")
	var parts []string
	for _, part := range page.Unknown {
		parts = append(parts, part.What)
	}
	require.Contains(t, strings.Join(parts, ", "), "publication")
	require.NotContains(t, strings.Join(parts, ", "), "deliveries")
}
