package subscribers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

// work handles what the scheduler hands out until it is closed and empty.
func (s *session) work(ctx context.Context) {
	var taken []*delivery
	for {
		taken = s.scheduler.take(taken[:0])
		if len(taken) == 0 {
			return
		}
		if len(taken) > 1 && s.together(ctx, taken) {
			continue
		}
		s.oneByOne(ctx, taken)
	}
}

// bound is a delivery with its event and its handler.
type bound struct {
	*delivery

	event contrail.Delivered[json.RawMessage]
	known bool // there is a handler for the type
	inTx  bool
	call  call // the handler with the event, once that is readable
}

// read decodes a delivery and looks for its handler. The error says that the message is foreign.
func (s *session) read(d *delivery) (bound, error) {
	msg, _ := d.current()
	message, err := wire.DecodeMessage(msg.Headers(), msg.Data())
	if err != nil {
		return bound{}, err
	}
	h, known := s.handlers[message.Type]
	return bound{delivery: d, known: known, inTx: h.inTx, event: contrail.Delivered[json.RawMessage]{
		Recorded: message.Recorded, Data: message.Data,
		Delivery: contrail.Delivery{Consumer: s.config.Durable, Sequence: d.sequence, Attempt: d.attempt()},
	}}, nil
}

// bind opens what is sealed and gives the events to their handlers. The error is an outageError, or says that an event can't be decoded.
func (s *session) bind(ctx context.Context, batch []bound) error {
	events := make([]*contrail.Delivered[json.RawMessage], len(batch))
	for i := range batch {
		events[i] = &batch[i].event
	}
	if err := open(ctx, s.config.Keys, events); err != nil {
		return err
	}
	for i, b := range batch {
		if b.event.Sealed {
			return errSealed(b.event.Recorded)
		}
		var err error
		if batch[i].call, err = s.handlers[b.event.Type].bind(b.event); err != nil {
			return err
		}
	}
	return nil
}

// together handles many events in one transaction, all or none. False: none.
func (s *session) together(ctx context.Context, taken []*delivery) bool {
	batch := make([]bound, len(taken))
	for i, d := range taken {
		var err error
		if batch[i], err = s.read(d); err != nil || !batch[i].inTx {
			return false
		}
	}
	if s.bind(ctx, batch) != nil {
		return false
	}
	verdicts, err := s.effect(ctx, batch)
	if err != nil {
		s.config.Logger.DebugContext(ctx, "a transaction with many events failed, handling them one by one",
			slog.String("consumer", s.config.Durable), slog.Int("events", len(batch)), slog.Any("error", err))
		return false
	}
	for i, d := range taken {
		s.acknowledge(ctx, d, verdicts[i])
	}
	s.scheduler.finish(taken...)
	return true
}

// oneByOne handles events by themselves; when one of a stream fails, those behind it wait.
func (s *session) oneByOne(ctx context.Context, taken []*delivery) {
	for i, d := range taken {
		if s.scheduler.held(d) || i > 0 && s.stopped() {
			if !s.scheduler.putBack(d) {
				s.giveBack(ctx, d)
			}
			continue
		}
		s.handle(ctx, d)
	}
}

func (s *session) stopped() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}

// handle handles one event and answers for it, however long the database is out of reach.
func (s *session) handle(ctx context.Context, d *delivery) {
	for failure := 1; ; failure++ {
		err := s.try(ctx, d)
		switch {
		case err == nil:
			return
		case isMisconfigured(err):
			s.fail(err)
			s.surrender(ctx, d, err)
			return
		}
		s.config.Logger.WarnContext(ctx, "the database is out of reach, or a key is not to be had; the event is kept and tried again",
			slog.String("consumer", s.config.Durable), slog.Uint64("sequence", d.sequence), slog.Any("error", err))
		if !wait(ctx, s.stopping, s.config.Backoff.delay(failure)) {
			s.surrender(ctx, d, err)
			return
		}
	}
}

// try handles one event and answers for it, unless it returns an outageError.
func (s *session) try(ctx context.Context, d *delivery) error {
	b, err := s.read(d)
	switch {
	case err != nil:
		s.bury(ctx, d, ReasonForeign, err)
		return nil
	case !b.known:
		s.counters.unhandled.Add(1)
		s.reply(ctx, d, jetstream.Msg.Ack)
		s.scheduler.finish(d)
		return nil
	}
	batch := []bound{b}
	switch err := s.bind(ctx, batch); {
	case isOutage(err):
		return err
	case err != nil:
		s.bury(ctx, d, ReasonUndecodable, err)
		return nil
	}
	err = s.attempt(ctx, batch[0])
	if !isOutage(err) {
		s.conclude(ctx, d, err)
		return nil
	}
	return err
}

// fail ends Run with err, unless another error does.
func (s *session) fail(err error) {
	select {
	case s.broken <- err:
	default:
	}
}

// attempt calls the handler of one event and returns its verdict, or an outageError.
func (s *session) attempt(ctx context.Context, b bound) error {
	if !b.inTx {
		return apart(func() error { return protect(func() error { return b.call(ctx, nil) }) })
	}
	verdicts, err := s.effect(ctx, []bound{b})
	if err != nil {
		return err
	}
	return verdicts[0]
}

// effect calls the handlers of events in one transaction with their rows in the inbox, and commits. Each event's verdict is nil, a skip,
// or errDuplicate.
func (s *session) effect(ctx context.Context, batch []bound) (verdicts []error, err error) {
	positions := make([]contrail.Position, len(batch))
	verdicts = make([]error, len(batch))
	for i, b := range batch {
		positions[i], verdicts[i] = b.event.Position, errDuplicate
	}
	err = apart(func() error {
		return s.config.Inbox.once(ctx, s.config.inboxName(), positions, func(tx pgx.Tx, i int) error {
			verdicts[i] = protect(func() error { return batch[i].call(ctx, tx) })
			if _, skipped := contrail.SkipReason(verdicts[i]); skipped {
				return nil
			}
			return verdicts[i]
		})
	})
	if err == nil {
		s.hooks.committed()
	}
	return verdicts, err
}

// panicError is a panic as an error.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

func (e *panicError) Unwrap() error {
	err, _ := e.value.(error)
	return err
}

func protect(handle func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &panicError{value: value, stack: debug.Stack()}
		}
	}()
	return handle()
}

// errExited is the verdict on a handler that ended its goroutine.
var errExited = errors.New("the handler called runtime.Goexit")

// apart calls handle in a goroutine of its own, which a handler may end without taking its worker along.
func apart(handle func() error) error {
	verdict := make(chan error, 1)
	go func() {
		err := errExited
		defer func() { verdict <- err }()
		err = handle()
	}()
	return <-verdict
}
