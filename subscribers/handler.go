package subscribers

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// Handle registers a handler for the events of T's type. It is called at least once for each: an event is acknowledged after handle
// returned nil, and delivered again when the process dies before that. What handle returns is the verdict; see [contrail.Permanent],
// [contrail.RetryAfter] and [contrail.Skip]. Its ctx ends HandlerTimeout after it was called, or DrainTimeout after Run's, and names the event as
// the cause of what is appended with it ([contrail.CausedBy]).
//
// With Config.Codec, T is an event's form of today: former ones are upcast before. An event that the codec splits is handled part by part,
// in order, and acknowledged as a whole.
//
// Handlers are registered before [Subscription.Run], one a type; what is wrong with a registration, Run returns.
func Handle[T contrail.Payload](sub *Subscription, handle func(ctx context.Context, e contrail.Delivered[T]) error) {
	register(sub, handle == nil, inNone, func(e contrail.Delivered[T]) call {
		return func(ctx context.Context, _ transaction) error { return handle(ctx, e) }
	})
}

// HandleTx registers a handler for the events of T's type, whose effect happens once for each: what handle writes through tx is
// committed together with the event's row in the inbox, or not at all. handle neither commits nor rolls back. It needs Config.Inbox, made by
// [NewInbox].
//
// Other events' handlers share tx. When one of them fails, the transaction is rolled back and each event gets one of its own, so handle
// may be called more than once for an event. After [contrail.Skip] the transaction is committed like any other. See [Handle] for the rest.
func HandleTx[T contrail.Payload](sub *Subscription, handle func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[T]) error) {
	register(sub, handle == nil, inPgx, func(e contrail.Delivered[T]) call {
		return func(ctx context.Context, tx transaction) error { return handle(ctx, tx.asPgx(), e) }
	})
}

// HandleSQL is [HandleTx] for database/sql, and so for what is built upon it. It needs Config.Inbox, made by [NewInboxSQL].
func HandleSQL[T contrail.Payload](sub *Subscription, handle func(ctx context.Context, tx *sql.Tx, e contrail.Delivered[T]) error) {
	register(sub, handle == nil, inSQL, func(e contrail.Delivered[T]) call {
		return func(ctx context.Context, tx transaction) error { return handle(ctx, tx.asSQL(), e) }
	})
}

// HandleAny registers a handler for the events of all types that have none of their own; e.Type tells which it is. See [Handle].
func HandleAny(sub *Subscription, handle func(ctx context.Context, e contrail.Delivered[json.RawMessage]) error) {
	registerAny(sub, handle == nil, inNone, func(e contrail.Delivered[json.RawMessage]) call {
		return func(ctx context.Context, _ transaction) error { return handle(ctx, e) }
	})
}

// HandleAnyTx is [HandleAny] with the transaction of [HandleTx].
func HandleAnyTx(sub *Subscription, handle func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[json.RawMessage]) error) {
	registerAny(sub, handle == nil, inPgx, func(e contrail.Delivered[json.RawMessage]) call {
		return func(ctx context.Context, tx transaction) error { return handle(ctx, tx.asPgx(), e) }
	})
}

// HandleAnySQL is [HandleAny] with the transaction of [HandleSQL].
func HandleAnySQL(sub *Subscription, handle func(ctx context.Context, tx *sql.Tx, e contrail.Delivered[json.RawMessage]) error) {
	registerAny(sub, handle == nil, inSQL, func(e contrail.Delivered[json.RawMessage]) call {
		return func(ctx context.Context, tx transaction) error { return handle(ctx, tx.asSQL(), e) }
	})
}

// call is a handler with its event; tx is nil for handlers without one.
type call func(ctx context.Context, tx transaction) error

// handler is what is registered for one event type.
type handler struct {
	form form
	bind func(contrail.Delivered[json.RawMessage]) (call, error) // the error says that the data does not fit the type
}

func register[T contrail.Payload](sub *Subscription, missing bool, in form, bind func(contrail.Delivered[T]) call) {
	var zero T
	name := zero.EventType()
	sub.add(name, missing, handler{form: in, bind: func(raw contrail.Delivered[json.RawMessage]) (call, error) {
		e := contrail.Delivered[T]{Recorded: raw.Recorded, Delivery: raw.Delivery}
		if err := decodeInto(sub.config.Codec, raw.Recorded, &e.Data); err != nil {
			return nil, fmt.Errorf("decode the data of a %s: %w", name, err)
		}
		return bind(e), nil
	}})
}

func registerAny(sub *Subscription, missing bool, in form, bind func(contrail.Delivered[json.RawMessage]) call) {
	sub.add(anyType, missing, handler{form: in, bind: func(raw contrail.Delivered[json.RawMessage]) (call, error) {
		return bind(raw), nil
	}})
}

// anyType stands for the types without a handler of their own; no type is called so.
const anyType = "*"

var (
	errNilHandler  = errors.New("the handler is nil")
	errNoInbox     = errors.New("handlers in a transaction need Config.Inbox")
	errOtherInbox  = errors.New("HandleTx needs an inbox of NewInbox, HandleSQL one of NewInboxSQL")
	errRegistered  = errors.New("there is a handler for it already; an event type has one")
	errTooLate     = errors.New("register handlers before Run")
	errNoHandler   = errors.New("no handler is registered")
	errRunning     = errors.New("the subscription is running already")
	errUnnamedType = errors.New("the payload's EventType is not a type name")
	errFiltered    = errors.New("it would never be called: Config.Types leaves its type out")
)

func (s *Subscription) add(name string, missing bool, h handler) {
	s.mu.Lock()
	err := s.refuse(name, missing, h)
	if err == nil {
		s.handlers[name] = h
	}
	s.mu.Unlock()
	if err != nil {
		s.fault(fmt.Errorf("handler for %q: %w", name, err))
	}
}

// refuse tells what is wrong with a registration.
func (s *Subscription) refuse(name string, missing bool, h handler) error {
	_, taken := s.handlers[name]
	switch inbox := s.config.Inbox; {
	case missing:
		return errNilHandler
	case s.started:
		return errTooLate
	case name != anyType && (contrail.Event{Type: name}).Validate() != nil:
		return errUnnamedType
	case taken:
		return errRegistered
	case h.form != inNone && inbox == nil:
		return errNoInbox
	case h.form != inNone && inbox.handlers != h.form:
		return errOtherInbox
	case name != anyType && s.config.Codec == nil && !s.config.selection().hasType(name):
		return errFiltered
	}
	return nil
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

// handlerOf returns the handler for a type: its own, or the one for any.
func (s *Subscription) handlerOf(eventType string) (handler, bool) {
	h, found := s.handlers[eventType]
	if !found {
		h, found = s.handlers[anyType]
	}
	return h, found
}
