package subscriptions

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"unicode"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

// Archive is where events are that have aged out of the stream: the event store, most likely.
type Archive struct {
	// Read yields the events from one position to another, both included, in the order of positions: those that the relay has published, and not
	// those that it has left out.
	Read func(ctx context.Context, from, to contrail.Position) iter.Seq2[contrail.Recorded, error]

	Source   string // the CloudEvents source, which tells the store, such as /contrail/0192d9a1-…
	Prefix   string // the first part of the subjects, the relay's own; empty means events
	Template string // of the rest of the subjects, the relay's own; empty means {category}.{id}.{type}
}

// validate names every faulty field at once.
func (a *Archive) validate() error {
	var faults []error
	if a.Read == nil {
		faults = append(faults, errors.New("subscriptions.Archive: Read is nil"))
	}
	if a.Source == "" {
		faults = append(faults, errors.New("subscriptions.Archive: Source is empty, must tell the store"))
	}
	_, err := a.subjects()
	return errors.Join(append(faults, err)...)
}

func (a *Archive) subjects() (wire.Subjects, error) {
	prefix := a.Prefix
	if prefix == "" {
		prefix = wire.DefaultPrefix
	}
	subjects, err := wire.ParseSubjects(prefix, a.Template)
	if err != nil {
		return wire.Subjects{}, fmt.Errorf("subscriptions.Archive: %w", err)
	}
	return subjects, nil
}

// fromArchive sends what has aged out.
func (r *replaying) fromArchive(ctx context.Context) error {
	subjects, err := r.Archive.subjects()
	if err != nil {
		return err
	}
	for event, err := range r.Archive.Read(ctx, r.done.From, r.archived) {
		if err != nil {
			return fmt.Errorf("read the archive: %w", err)
		}
		subject, err := subjects.Of(event)
		switch {
		case err != nil:
			return fmt.Errorf("position %d: %w", event.Position, err)
		case event.Position > r.archived || !r.selects(event) || !matchesAny(r.filters, subject):
			continue
		case event.Position <= r.sent:
			r.passOver(event.Position)
			continue
		}
		if err := r.send(ctx, outgoing{event.Position, r.Archive.message(subject, event), false}); err != nil {
			return err
		}
	}
	return r.flush(ctx)
}

// message is what the relay published. Its sequence is forgotten.
func (a *Archive) message(subject string, event contrail.Recorded) jetstream.RawStreamMsg {
	header := nats.Header{}
	header.Set(wire.HeaderMsgID, event.ID.String())
	header.Set(wire.HeaderContentType, wire.ContentType)
	return jetstream.RawStreamMsg{Subject: subject, Header: header, Data: wire.Append(nil, a.Source, event), Time: event.RecordedAt}
}

// matchesAny tells whether one of the filters selects a subject; none: all do.
func matchesAny(filters []string, subject string) bool {
	if len(filters) == 0 {
		return true
	}
	for _, filter := range filters {
		if matches(filter, subject) {
			return true
		}
	}
	return false
}

func matches(filter, subject string) bool {
	wanted, tokens := strings.Split(filter, "."), strings.Split(subject, ".")
	for n, token := range wanted {
		switch {
		case n >= len(tokens):
			return false
		case token == ">":
			return true
		case token != "*" && token != tokens[n]:
			return false
		}
	}
	return len(wanted) == len(tokens)
}

// isLine tells whether text fits into a header.
func isLine(text string) bool { return !strings.ContainsFunc(text, unicode.IsControl) }

// isToken tells whether text is one word of a header.
func isToken(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
}
