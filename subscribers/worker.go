package subscribers

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers/attempts"
)

// worker handles one thing after another: an event, or many in a transaction.
type worker struct {
	*session

	task  atomic.Pointer[task] // where its handlers run
	taken []*delivery
	one   []bound // room for one event, unless a task that was given up has it
}

func newWorker(s *session) *worker {
	w := &worker{session: s}
	w.task.Store(newTask())
	return w
}

// work handles what the scheduler hands out until it is closed and empty.
func (w *worker) work(ctx context.Context) {
	for {
		w.taken = w.scheduler.take(w.taken[:0])
		w.turns.move()
		if len(w.taken) == 0 {
			return
		}
		if len(w.taken) > 1 && w.together(ctx, w.taken) {
			continue
		}
		w.oneByOne(ctx, w.taken)
	}
}

// apart runs handlers in the worker's task. After one that was given up the worker needs a new one.
func (w *worker) apart(handle func(t *task) error) error {
	t := w.task.Load()
	err := t.run(func() error { return handle(t) })
	if t.isGivenUp() {
		w.task.Store(newTask())
		w.one = nil
	}
	return err
}

// bound is a delivery with its event and its handler.
type bound struct {
	*delivery

	event contrail.Delivered[json.RawMessage]
	form  form
	call  call // nil: there is no handler
}

// read decodes a delivery. The error says that the message is foreign.
func (s *session) read(d *delivery) (bound, error) {
	msg, _ := d.current()
	message, err := wire.DecodeMessage(msg.Headers(), msg.Data())
	if err != nil {
		return bound{}, err
	}
	d.about = about{message.ID, message.Position, message.RecordedAt}
	return bound{delivery: d, event: contrail.Delivered[json.RawMessage]{
		Recorded: message.Recorded, Data: message.Data,
		Delivery: contrail.Delivery{Consumer: s.config.Durable, Sequence: d.number, Attempt: d.attempt(), Source: message.Source},
	}}, nil
}

// wants tells whether there may be a handler for an event, and it is one that the subscription selects.
func (s *session) wants(event contrail.Recorded) bool {
	if !s.selected.has(event) {
		return false
	}
	forms := []contrail.Recorded{event}
	if s.config.Codec != nil {
		event.Erased, event.Data = true, nil // which forms it has does not depend on the data
		var err error
		if forms, err = s.config.Codec.Upcast(event); err != nil {
			return true // whoever reads it will say so
		}
	}
	return slices.ContainsFunc(forms, func(form contrail.Recorded) bool {
		_, found := s.handlerOf(form.Type)
		return found
	})
}

// together handles many events in one transaction, all or none. False: none.
func (w *worker) together(ctx context.Context, taken []*delivery) bool {
	batch := make([]bound, len(taken))
	for i, d := range taken {
		var err error
		if batch[i], err = w.read(d); err != nil || !w.wants(batch[i].event.Recorded) {
			return false
		}
	}
	if w.open(ctx, batch) != nil {
		return false
	}
	for i := range batch {
		if w.bind(&batch[i]) != nil || batch[i].form == inNone {
			return false
		}
	}
	for i := range batch {
		w.telemetry.begin(ctx, taken[i], batch[i].event.Recorded)
	}
	verdicts, err := w.effect(ctx, batch)
	if err != nil {
		for _, d := range taken {
			w.telemetry.unsettle(d, err)
		}
		w.config.Logger.DebugContext(ctx, "a transaction with many events failed, handling them one by one",
			slog.String("consumer", w.config.Durable), slog.Int("events", len(batch)), slog.Any("error", err))
		return false
	}
	for i, d := range taken {
		w.acknowledge(ctx, d, verdicts[i])
	}
	w.scheduler.finish(taken...)
	return true
}

// oneByOne handles events by themselves; when one of a stream fails, those behind it wait.
func (w *worker) oneByOne(ctx context.Context, taken []*delivery) {
	for i, d := range taken {
		if w.scheduler.held(d) || i > 0 && w.stopped() {
			if !w.scheduler.putBack(d) {
				w.giveBack(ctx, d)
			}
			continue
		}
		w.handle(ctx, d)
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
func (w *worker) handle(ctx context.Context, d *delivery) {
	if w.isTrial(d) {
		defer w.tryAlone(ctx, d)()
	}
	for failure := 1; ; failure++ {
		w.turns.move()
		err := w.try(ctx, d)
		switch {
		case err == nil:
			return
		case isMisconfigured(err):
			w.fail(err)
			w.surrender(ctx, d, err)
			return
		}
		w.config.Logger.WarnContext(ctx, "the database is out of reach, or a key is not to be had; the event is kept and tried again",
			slog.String("consumer", w.config.Durable), slog.Uint64("sequence", d.sequence), slog.Any("error", err))
		if !wait(ctx, w.stopping, w.config.Backoff.pause(failure)) {
			w.surrender(ctx, d, err)
			return
		}
	}
}

// try handles one event and answers for it, unless it returns an outageError or a configError.
func (w *worker) try(ctx context.Context, d *delivery) error {
	b, err := w.read(d)
	switch {
	case err != nil:
		w.bury(ctx, d, ReasonForeign, err)
		return nil
	case !w.wants(b.event.Recorded):
		w.leave(ctx, d)
		return nil
	}
	if w.one == nil {
		w.one = make([]bound, 1)
	}
	batch := w.one
	batch[0] = b
	w.telemetry.begin(ctx, d, b.event.Recorded)
	err = w.open(ctx, batch)
	if err == nil {
		err = w.bind(&batch[0])
	}
	newer, later := errors.AsType[*codec.NewerSchemaError](err)
	switch {
	case isOutage(err), isMisconfigured(err):
		w.telemetry.unsettle(d, err)
		return err
	case later:
		w.conclude(ctx, d, errNewer(newer))
		return nil
	case err != nil:
		w.bury(ctx, d, ReasonUndecodable, err)
		return nil
	case batch[0].call == nil:
		w.leave(ctx, d)
		return nil
	}
	err = w.attempt(ctx, batch)
	if isOutage(err) {
		w.telemetry.unsettle(d, err)
		return err
	}
	w.conclude(ctx, d, err)
	return nil
}

// leave acknowledges an event that nobody asks for.
func (s *session) leave(ctx context.Context, d *delivery) {
	s.settled(ctx, d, attempts.Unhandled, nil)
	s.reply(ctx, d, jetstream.Msg.Ack)
	s.scheduler.finish(d)
}

// fail ends Run with err, unless another error does.
func (s *session) fail(err error) {
	select {
	case s.broken <- err:
	default:
	}
}

// attempt calls the handler of one event and returns its verdict, or an outageError.
func (w *worker) attempt(ctx context.Context, one []bound) error {
	if one[0].form == inNone {
		return w.apart(func(t *task) error { return w.callOne(ctx, t, &one[0], nil) })
	}
	verdicts, err := w.effect(ctx, one)
	if err != nil {
		return err
	}
	return verdicts[0]
}

func (s *session) callOne(ctx context.Context, t *task, b *bound, tx transaction) error {
	s.turns.move()
	now := time.Now()
	ctx = b.called(ctx, now)
	if s.telemetry != nil {
		defer b.returned(now)
	}
	return t.call(ctx, now, s.config.HandlerTimeout, func(ctx context.Context) error {
		return b.call(contrail.CausedBy(ctx, b.event.Recorded), tx)
	})
}

// effect calls the handlers of events in one transaction with their rows in the inbox, and commits. Each event's verdict is nil, a skip,
// or errDuplicate. A task that was given up may still write to what it was given, so nothing of that is read then.
func (w *worker) effect(ctx context.Context, batch []bound) (verdicts []error, err error) {
	wanted := claim{
		consumer: w.config.inboxName(), positions: make([]contrail.Position, len(batch)), requeued: batch[0].replays(),
		patience: w.config.handlersEnd(),
	}
	outcome := make([]error, len(batch)) // not the result: a task that was given up still writes to it
	for i, b := range batch {
		wanted.positions[i], outcome[i] = b.event.Position, errDuplicate
	}
	err = w.apart(func(t *task) error {
		defer t.hold(nil)
		return w.config.Inbox.once(ctx, wanted, func(tx transaction, i int) error {
			if err := cmp.Or(t.over(), ctx.Err()); err != nil {
				return err //nolint:wrapcheck // it is our own, or the ctx's
			}
			t.hold(tx)
			err := w.callOne(ctx, t, &batch[i], tx)
			outcome[i] = err
			if _, skipped := contrail.SkipReason(err); skipped {
				return nil
			}
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	w.hooks.committed()
	return outcome, nil
}
