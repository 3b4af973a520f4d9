package dashboard_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/publisher/parked"
	"github.com/contrail-events/contrail/subscribers"
)

// Names of what the seeded world has.
const (
	refusedType  = "Forbidden" // the relay's middleware refuses these for good, while world.refusing
	poisonType   = "Poison"    // the consumer billing says of these that they can't be handled
	stubbornType = "Stubborn"  // the consumer billing fails with these, twice
	consumerName = "billing"
	tenantName   = "t-1"
)

// hostileText is what somebody may write who means harm, or has bad luck: markup, right to left and control characters.
const hostileText = "<script>alert('x')</script> \u202eevil\u202c שלום \u0007\u200b <img src=x onerror=alert(1)>"

// hostileBody is an event's body of that, deep and long.
func hostileBody() string {
	const depth, long = 300, 20_000
	text, err := json.Marshal(hostileText)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`{"note": %s, %[1]s: 1, "deep": %s1%s, "long": %q}`, text, strings.Repeat("[", depth), strings.Repeat("]", depth), strings.Repeat("x", long))
}

// seeded is a world with data in every state: two relays, of which one leads; a consumer with an inbox, that has dead letters of both reasons, and a projection;
// events that are parked, held, discarded and published out of their order; deliveries, runs and webhooks in each state; and hostile events.
func seeded(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.events()
	w.relays()
	w.consumers()
	w.leftOut()
	w.effects()
	w.runs()
	w.hooks()
	return w
}

// events are three invoices of four events each, and two that are hostile. Those of one invoice belong together by correlation and causation.
func (w *world) events() {
	w.Helper()
	for invoice := range 3 {
		stream, correlation, cause := fmt.Sprintf("invoice-%d", invoice+1), uuid.NewString(), ""
		for _, kind := range []string{"Drafted", "Updated", "Issued", "Paid"} {
			metadata := []string{"tenant_id", tenantName, "correlation_id", correlation, "actor_id", "ada"}
			if cause != "" {
				metadata = append(metadata, "causation_id", cause)
			}
			cause = w.append(stream, "Invoice"+kind, fmt.Sprintf(`{"number": "2026-%d", "total": "19.80"}`, invoice+1), metadata...).ID.String()
		}
	}
	w.append("hostile-1", "Noted", hostileBody(), "tenant_id", hostileTenant)
	w.append("hostile-1", "Noted", `"`+strings.Repeat("y", 1000)+`"`)
}

// hostileTenant is as bad as metadata may be.
const hostileTenant = "<b>t</b> \u202e"

// relays runs two of them: one leads, and one stands by.
func (w *world) relays() {
	w.Helper()
	for _, name := range []string{"relay-1", "relay-2"} {
		relay, err := publisher.NewRelay(w.pool, w.js, publisher.Config{
			Identity: name, OnPermanent: publisher.PerStream, Attempts: 1, RetryMin: time.Millisecond, Heartbeat: time.Second,
			Middlewares: []message.HandlerMiddleware{w.refuse},
		})
		require.NoError(w, err)
		w.run(relay.Run)
		w.eventually(func() bool {
			return value[bool](w, `SELECT EXISTS (SELECT FROM contrail.relay_processes WHERE identity = $1) AND contrail.leader('EVENTS') <> ''`, name)
		})
	}
}

// refuse is a broker that does not like some events, unless they were asked for by a person.
func (w *world) refuse(next message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) ([]*message.Message, error) {
		for _, event := range publisher.Events(msg) {
			if event.Type == refusedType && !w.lenient.Load() {
				return nil, contrail.Permanent(errors.New("the broker does not like it: " + hostileText))
			}
		}
		return next(msg)
	}
}

// consumers runs a consumer until all is handled, or dead, and a projection.
func (w *world) consumers() {
	w.Helper()
	w.append("order-1", poisonType, `{}`, "tenant_id", tenantName)
	w.append("order-2", stubbornType, `{"n": 2}`)
	sub, err := subscribers.New(w.js, subscribers.Config{
		Durable: consumerName, Inbox: subscribers.NewInbox(w.pool), MaxDeliver: 2, Backoff: subscribers.Backoff{Min: time.Millisecond, Max: 2 * time.Millisecond},
	})
	require.NoError(w, err)
	subscribers.HandleTx(sub, func(context.Context, pgx.Tx, contrail.Delivered[issued]) error { return nil })
	subscribers.HandleTx(sub, func(context.Context, pgx.Tx, contrail.Delivered[poison]) error {
		return contrail.Permanent(fmt.Errorf("bill the order: %w", errors.New(hostileText)))
	})
	subscribers.HandleTx(sub, func(context.Context, pgx.Tx, contrail.Delivered[stubborn]) error {
		return errors.New("the ledger is closed")
	})
	w.run(sub.Run)
	projection, err := subscribers.NewProjection(w.js, w.pool, subscribers.ProjectionConfig{Name: "statement", Standby: 50 * time.Millisecond},
		func(context.Context, pgx.Tx, []contrail.Delivered[json.RawMessage]) error { return nil })
	require.NoError(w, err)
	w.run(projection.Run)
	w.eventually(func() bool {
		stream, err := w.js.Stream(w.Context(), "DEADLETTERS")
		if err != nil {
			return false
		}
		info, err := stream.Info(w.Context())
		return err == nil && info.State.Msgs >= 2 && value[bool](w, `SELECT EXISTS (SELECT FROM contrail.projections WHERE name = 'statement' AND position > 0)`)
	})
}

type (
	issued   struct{}
	poison   struct{}
	stubborn struct{}
)

func (issued) EventType() string   { return "InvoiceIssued" }
func (poison) EventType() string   { return poisonType }
func (stubborn) EventType() string { return stubbornType }

// leftOut has the relay leave events out: one is parked, and holds one behind it; one is discarded; and one was requeued and is published.
func (w *world) leftOut() {
	w.Helper()
	w.append("letter-1", refusedType, `{"n": 1}`, "tenant_id", tenantName)
	w.append("letter-1", "Noted", `{"n": 2}`)
	discarded := w.append("letter-2", refusedType, `{"n": 3}`)
	requeued := w.append("letter-3", refusedType, `{"n": 4}`)
	w.eventually(func() bool { return value[int](w, `SELECT count(*) FROM contrail.parked`) == 4 })
	ada := parked.Decision{By: "ada@ops", Note: "not needed"}
	_, err := parked.Discard(w.Context(), w.pool, parked.At("EVENTS", discarded.Position), ada)
	require.NoError(w, err)
	w.lenient.Store(true)
	_, err = parked.Requeue(w.Context(), w.pool, parked.At("EVENTS", requeued.Position), ada)
	require.NoError(w, err)
	w.eventually(func() bool {
		return value[int](w, `SELECT count(*) FROM contrail.parked WHERE state = 'published'`) == 1
	})
	w.lenient.Store(false)
}
