package subscribers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// Handle registers a handler for the events of T's type. It is called at least once for each: an event is acknowledged after handle
// returned nil, and delivered again when the process dies before that. What handle returns is the verdict; see [contrail.Permanent],
// [contrail.RetryAfter] and [contrail.Skip]. Its ctx ends DrainTimeout after Run's, and names the event as the cause of what is appended
// with it ([contrail.CausedBy]).
//
// Handlers are registered before [Subscription.Run], one a type; what is wrong with a registration, Run returns.
func Handle[T contrail.Payload](sub *Subscription, handle func(ctx context.Context, e contrail.Delivered[T]) error) {
	register(sub, handle == nil, false, func(e contrail.Delivered[T]) call {
		return func(ctx context.Context, _ pgx.Tx) error { return handle(contrail.CausedBy(ctx, e.Recorded), e) }
	})
}

// HandleTx registers a handler for the events of T's type, whose effect happens once for each: what handle writes through tx is
// committed together with the event's row in the inbox, or not at all. handle neither commits nor rolls back. It needs Config.Inbox.
//
// Other events' handlers share tx. When one of them fails, the transaction is rolled back and each event gets one of its own, so handle
// may be called more than once for an event. After [contrail.Skip] the transaction is committed like any other. See [Handle] for the rest.
func HandleTx[T contrail.Payload](sub *Subscription, handle func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[T]) error) {
	register(sub, handle == nil, true, func(e contrail.Delivered[T]) call {
		return func(ctx context.Context, tx pgx.Tx) error { return handle(contrail.CausedBy(ctx, e.Recorded), tx, e) }
	})
}

// call is a handler with its event; tx is nil for handlers without one.
type call func(ctx context.Context, tx pgx.Tx) error

// handler is what is registered for one event type.
type handler struct {
	inTx bool
	bind func(contrail.Delivered[json.RawMessage]) (call, error) // the error says that the data does not fit the type
}

func register[T contrail.Payload](sub *Subscription, missing, inTx bool, bind func(contrail.Delivered[T]) call) {
	var zero T
	name := zero.EventType()
	if missing {
		sub.fault(fmt.Errorf("the handler for %s is nil", name))
		return
	}
	sub.add(name, handler{inTx: inTx, bind: func(raw contrail.Delivered[json.RawMessage]) (call, error) {
		e := contrail.Delivered[T]{Recorded: raw.Recorded, Delivery: raw.Delivery}
		if raw.Erased { // there is nothing to decode
			return bind(e), nil
		}
		if err := json.Unmarshal(raw.Data, &e.Data); err != nil {
			return nil, fmt.Errorf("decode the data of a %s: %w", name, err)
		}
		return bind(e), nil
	}})
}

var (
	errNoInbox     = errors.New("HandleTx needs Config.Inbox")
	errRegistered  = errors.New("there is a handler for it already; an event type has one")
	errTooLate     = errors.New("register handlers before Run")
	errNoHandler   = errors.New("no handler is registered")
	errRunning     = errors.New("the subscription is running already")
	errUnnamedType = errors.New("the payload's EventType is not a type name")
)

func (s *Subscription) add(name string, h handler) {
	s.mu.Lock()
	_, taken := s.handlers[name]
	err := error(nil)
	switch {
	case s.started:
		err = errTooLate
	case (contrail.Event{Type: name}).Validate() != nil:
		err = errUnnamedType
	case taken:
		err = errRegistered
	case h.inTx && s.config.Inbox == nil:
		err = errNoInbox
	default:
		s.handlers[name] = h
	}
	s.mu.Unlock()
	if err != nil {
		s.fault(fmt.Errorf("handler for %q: %w", name, err))
	}
}

// fault keeps what is wrong with a registration for Run to return, and ends a Run that is under way.
func (s *Subscription) fault(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, err)
	select {
	case s.misused <- struct{}{}:
	default:
	}
}
