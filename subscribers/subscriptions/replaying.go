package subscriptions

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/seek"
	"github.com/contrail-events/contrail/internal/wire"
)

// replaying is one try of a run.
type replaying struct {
	Replay

	js      jetstream.JetStream
	db      Beginner
	name    Name
	filters []string // the subscription's own
	stream  *seek.Stream
	pace    *pace
	done    ReplayDone

	begins   contrail.Position // of the stream's first event; what is before has aged out, or never was
	archived contrail.Position // up to here the archive has the events; zero: it isn't asked

	sent     contrail.Position // by an earlier try: those in their order up to here
	lateSent map[contrail.Position]bool
	met      map[contrail.Position]bool // late ones, in this try

	batch []outgoing // that are taken on, not more than most
	bytes int
	most  int
}

// prepare looks where the range is, and what was sent before.
func (r *replaying) prepare(ctx context.Context) error {
	one, err := find(ctx, r.js, r.name)
	if err != nil {
		return err
	}
	if r.filters, err = one.filters(ctx); err != nil {
		return err
	}
	if r.stream, err = seek.Open(ctx, r.js, r.name.Stream, widest(r.filters)); err != nil {
		return err
	}
	if err := r.bound(ctx); err != nil {
		return err
	}
	_, err = r.js.Stream(ctx, r.name.DeadLetters)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("stream %s, which brings the events, does not exist; the subscription creates it when it runs: %w", r.name.DeadLetters, err)
	}
	if err != nil {
		return fmt.Errorf("look up stream %s: %w", r.name.DeadLetters, err)
	}
	return r.readEarlier(ctx)
}

// bound finds the range's ends, as far as the stream and the archive reach.
func (r *replaying) bound(ctx context.Context) error {
	_, begin, err := r.stream.Event(ctx, r.stream.First)
	if err != nil {
		return err
	}
	_, ends, err := r.stream.Position(ctx, math.MaxInt64)
	if err != nil {
		return err
	}
	aged := r.stream.First > 1
	r.begins = begin.Position
	switch {
	case begin.Resent != "":
		r.begins = begin.After + 1
	case begin.Position == 0 && aged: // nothing is left
		r.begins, ends = r.To+1, r.To
	}
	r.done.From, r.done.To = max(r.From, 1), ends
	if r.To > 0 {
		r.done.To = min(r.To, ends)
	}
	switch {
	case !aged || r.done.From >= r.begins:
	case r.Archive != nil:
		r.archived = min(r.begins-1, r.done.To)
	case r.From > 0:
		return fmt.Errorf("%w %s: it begins with position %d, and position %d is asked for; begin there, or give the archive",
			ErrAgedOut, r.name.Stream, r.begins, r.From)
	default:
		r.done.From = r.begins
	}
	return nil
}

// all sends what is meant: what has aged out, what stands in its order, and what does not.
func (r *replaying) all(ctx context.Context) error {
	if r.archived > 0 {
		if err := r.fromArchive(ctx); err != nil {
			return err
		}
	}
	if r.done.To < r.begins {
		return nil
	}
	first, _, err := r.stream.Position(ctx, max(r.done.From, r.begins))
	if err != nil {
		return err
	}
	for _, part := range []func(context.Context, uint64) error{r.inOrder, r.outOfOrder} {
		err := part(ctx, first)
		if err == nil {
			err = r.flush(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// inOrder sends the events that stand in their order.
func (r *replaying) inOrder(ctx context.Context, first uint64) error {
	last := contrail.Position(0)
	for msg, err := range r.span(first, false).messages(ctx) {
		if err != nil {
			return err
		}
		event, err := wire.DecodeMessage(msg.Header, msg.Data)
		switch {
		case err != nil || event.Resent != "" || event.Position <= last: // foreign, late, or there twice
		case event.Position > r.done.To:
			return nil
		case !r.selects(event.Recorded):
		case event.Position <= r.sent:
			r.passOver(event.Position)
		default:
			last = event.Position
			if err := r.send(ctx, outgoing{event.Position, msg, false}); err != nil {
				return err
			}
		}
	}
	return nil
}

// outOfOrder sends the late events of the range, which may stand anywhere behind its beginning. An event that the relay repaired may stand in its
// place, too.
func (r *replaying) outOfOrder(ctx context.Context, first uint64) error {
	for marked, err := range r.span(first, true).messages(ctx) {
		if err != nil {
			return err
		}
		if marked.Header.Get(wire.HeaderResent) == "" {
			continue
		}
		msg, event, err := r.stream.Event(ctx, marked.Sequence)
		if err != nil {
			return err
		}
		if msg == nil || msg.Sequence != marked.Sequence || event.Resent == "" || event.Position <= r.archived || !r.selects(event.Recorded) {
			continue
		}
		if err := r.sendLate(ctx, event.Position, msg.RawStreamMsg); err != nil {
			return err
		}
	}
	return nil
}

// sendLate sends a late event, unless it stands in its order as well, or was late before.
func (r *replaying) sendLate(ctx context.Context, position contrail.Position, msg jetstream.RawStreamMsg) error {
	inPlace, err := r.isInPlace(ctx, position)
	if err != nil || inPlace || r.met[position] {
		return err
	}
	r.met[position] = true
	if r.lateSent[position] {
		r.passOver(position)
		return nil
	}
	return r.send(ctx, outgoing{position, msg, true})
}

// isInPlace tells whether the stream has an event in its order.
func (r *replaying) isInPlace(ctx context.Context, position contrail.Position) (bool, error) {
	sequence, _, err := r.stream.Position(ctx, position)
	if err != nil || sequence > r.stream.Last {
		return false, err
	}
	_, event, err := r.stream.Event(ctx, sequence)
	return err == nil && event.Resent == "" && event.Position == position, err
}

func (r *replaying) span(first uint64, brief bool) span {
	return span{js: r.js, name: r.name.Stream, stream: r.stream, filters: r.filters, first: first, last: r.stream.Last, brief: brief}
}

// selects tells whether an event is one of those that are meant.
func (r *replaying) selects(event contrail.Recorded) bool {
	switch {
	case event.Position < r.done.From || event.Position > r.done.To:
		return false
	case !r.Stream.IsZero() && event.Stream != r.Stream:
		return false
	case r.Category != "" && event.Stream.Category() != r.Category:
		return false
	}
	return len(r.Types) == 0 || slices.Contains(r.Types, event.Type)
}
