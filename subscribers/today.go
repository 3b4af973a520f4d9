package subscribers

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
)

// decodeInto reads the data of an event in its form of today. With a codec that knows the type, the codec does it: it has the metadata's part in the
// data, too.
func decodeInto[T any](events *codec.Codec, recorded contrail.Recorded, into *T) error {
	if events == nil {
		if recorded.Erased { // there is nothing to decode
			return nil
		}
		return json.Unmarshal(recorded.Data, into) //nolint:wrapcheck // the one caller does
	}
	payloads, err := events.Decode(recorded)
	if err != nil {
		return err
	}
	if len(payloads) == 1 {
		if data, fits := payloads[0].(T); fits {
			*into = data
			return nil
		}
	}
	return misconfigured("the codec reads it as %T, and its handler takes a %T; register the same type with both", payloads, *into)
}

// bind looks for the handlers of an event and gives it to them. An event without any has no call. The error is about the data.
func (s *session) bind(b *bound) error {
	if s.config.Codec == nil {
		h, _ := s.handlerOf(b.event.Type)
		return b.add(h, b.event)
	}
	var forms []contrail.Recorded
	err := protect(func() (err error) { forms, err = s.config.Codec.Upcast(b.event.Recorded); return err })
	if err != nil {
		return err
	}
	for _, recorded := range forms {
		h, _ := s.handlerOf(recorded.Type)
		part := contrail.Delivered[json.RawMessage]{Recorded: recorded, Data: recorded.Data, Delivery: b.event.Delivery}
		if err := b.add(h, part); err != nil {
			return err
		}
	}
	return nil
}

// add has a handler called for the event, or for a part of it, after those that it has already.
func (b *bound) add(h handler, part contrail.Delivered[json.RawMessage]) error {
	if h.bind == nil {
		return nil
	}
	var next call
	err := protect(func() (err error) { next, err = h.bind(part); return err })
	if err != nil {
		return err
	}
	b.form = max(b.form, h.form)
	if before := b.call; before != nil {
		b.call = func(ctx context.Context, tx transaction) error {
			first := before(ctx, tx)
			if _, skipped := contrail.SkipReason(first); first != nil && !skipped {
				return first
			}
			err := next(ctx, tx)
			if _, skipped := contrail.SkipReason(err); skipped && first == nil {
				return nil
			}
			return err
		}
		return nil
	}
	b.call = next
	return nil
}

// formOf is where the handlers of a type run, before the event is read: a guess where a codec may give it other types.
func (s *session) formOf(eventType string) form {
	if h, found := s.handlers[eventType]; found {
		return h.form
	}
	if s.config.Codec != nil {
		for _, h := range s.handlers {
			if h.form != inNone {
				return h.form
			}
		}
	}
	return s.handlers[anyType].form
}

// open opens what is sealed, of events that have a handler. The error is an outageError, or says that one of them can't be read.
func (s *session) open(ctx context.Context, batch []bound) error {
	var sealed []*contrail.Delivered[json.RawMessage]
	for i := range batch {
		if batch[i].event.Sealed {
			sealed = append(sealed, &batch[i].event)
		}
	}
	if len(sealed) == 0 {
		return nil
	}
	if err := open(ctx, s.config.Keys, sealed); err != nil {
		return err
	}
	for _, event := range sealed {
		if event.Sealed {
			return errSealed(event.Recorded)
		}
	}
	return nil
}

// errNewer wraps what a codec says of an event of a schema that only later programs know. Another process of the durable may be one, or this
// one's successor.
func errNewer(err error) error { return fmt.Errorf("a later program may read it: %w", err) }
