package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/jsonl"
)

// eventsAppendVerb appends.
type eventsAppendVerb struct {
	Stream string `arg:"" optional:"" help:"The stream, such as invoice-42."`
	Type   string `arg:"" optional:"" help:"What happened, such as InvoiceIssued."`
	Data   string `arg:"" optional:"" default:"{}" help:"The data, as JSON; - reads it from standard input."`

	Metadata map[string]string `env:"-" mapsep:"none" placeholder:"KEY=VALUE" help:"Metadata such as tenant_id=t1; may be given several times."`
	Expected string            `env:"-" default:"any" help:"The version that the stream must be at: any, none (there is no such stream), exists, or a number."`
	ID       string            `name:"id" env:"-" placeholder:"UUID" help:"The event's id, a UUID; appending the same event again is no error then. Default: a new one."`
	Lines    bool              `env:"-" help:"Append the events of standard input instead, one a line as export writes them, in one transaction."`
	Subject  string            `env:"-" placeholder:"PERSON" help:"Encrypt the data with the key of this person, such as contact-42. Needs --keys."`
	JSON     bool              `name:"json" help:"Print what was recorded as JSON lines, in the format of export."`

	keysFlag
	sizeFlag
}

// Help teaches.
func (*eventsAppendVerb) Help() string {
	return `Appends one event and prints it as it was recorded. It exits 1 and appends nothing when the stream is not at the expected
version, or when the event can't be stored.

With --lines it appends all events of standard input or none. A line needs stream, type and data, and may have id, version (which is
then expected to be the next one) and metadata. For more than some thousand events use contrail events import.

Examples:

  contrail events append invoice-42 InvoiceIssued '{"by":"ada"}' --expected 3 --metadata user_id=ada
  contrail events append invoice-43 InvoiceDrafted - --expected none < draft.json
  echo '{"stream":"invoice-42","type":"InvoicePaid","data":{}}' | contrail events append --lines`
}

// appending is one call of Append.
type appending struct {
	stream   contrail.StreamID
	expected eventstore.ExpectedVersion
	event    contrail.Event
}

// Run appends.
func (v *eventsAppendVerb) Run(ctx context.Context, a *app) error {
	todo, err := v.todo(os.Stdin)
	if err != nil {
		return err
	}
	keys, err := v.keyring()
	if err != nil {
		return err
	}
	if v.Subject != "" && keys == nil {
		return usagef("--subject %s needs keys to encrypt the data with; set CONTRAIL_KEYS, or give --keys @FILE", v.Subject)
	}
	store, err := eventstore.New(eventstore.Config{Keys: keys, MaxEventBytes: v.MaxEventBytes})
	if err != nil {
		return err
	}
	pool, err := a.openStore(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	var recorded []contrail.Recorded
	err = inTx(ctx, pool, func(tx pgx.Tx) error {
		recorded = nil
		for n, next := range todo {
			events, err := store.Append(ctx, tx, next.stream, next.expected, next.event)
			if err != nil && v.Lines {
				err = fmt.Errorf("event %d: %w; nothing was appended", n+1, err)
			}
			if err != nil {
				return err
			}
			recorded = append(recorded, events...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	printer := a.newEventsPrinter(v.JSON)
	for _, event := range recorded {
		if err := printer.print(event); err != nil {
			return err
		}
	}
	return printer.flush()
}

// todo is what the arguments, or the lines, ask for.
func (v *eventsAppendVerb) todo(stdin io.Reader) ([]appending, error) {
	if err := atLeast("--max-event-bytes", v.MaxEventBytes, 1); err != nil {
		return nil, err
	}
	if v.Lines {
		if v.Stream != "" || v.ID != "" || v.Expected != "any" || v.Subject != "" || len(v.Metadata) > 0 {
			return nil, usagef("--lines takes everything from standard input; leave the arguments, --metadata, --expected, --subject and --id out")
		}
		return readAppendings(stdin, v.maxInput())
	}
	if v.Stream == "" || v.Type == "" {
		return nil, usagef("give a stream and a type as in `contrail events append invoice-42 InvoiceIssued '{}'`, or --lines")
	}
	one := appending{event: contrail.Event{Type: v.Type, Data: json.RawMessage(v.Data), Metadata: v.Metadata, DataSubject: v.Subject}}
	var err error
	if one.stream, err = contrail.ParseStreamID(v.Stream); err != nil {
		return nil, usageError{err.Error()}
	}
	if one.expected, err = expectedVersion(v.Expected); err != nil {
		return nil, err
	}
	if v.ID != "" {
		if one.event.ID, err = uuid.Parse(v.ID); err != nil || one.event.ID == uuid.Nil {
			return nil, usagef("--id is %q; give a UUID such as 0192d9a1-7c3e-7c4e-9a30-0f3f2f4b5a6c", v.ID)
		}
	}
	if err := one.event.Validate(); err != nil {
		return nil, usageError{err.Error()}
	}
	if v.Data == "-" {
		data, err := io.ReadAll(io.LimitReader(stdin, int64(v.maxInput())+1))
		if err != nil {
			return nil, fmt.Errorf("read the data: %w", err)
		}
		if len(data) > v.maxInput() {
			return nil, fmt.Errorf("the data on standard input is longer than %d bytes; split the event, or raise --max-event-bytes", v.maxInput())
		}
		one.event.Data = json.RawMessage(data)
	}
	return []appending{one}, nil
}

// maxInput is how long the text of an event may be, with white space and escape sequences.
func (v *eventsAppendVerb) maxInput() int { return max(jsonl.DefaultMaxLineBytes, 8*v.MaxEventBytes) }

func expectedVersion(text string) (eventstore.ExpectedVersion, error) {
	switch text {
	case "any":
		return eventstore.Any, nil
	case "none":
		return eventstore.NoStream, nil
	case "exists":
		return eventstore.StreamExists, nil
	}
	version, err := strconv.ParseInt(text, 10, 64)
	if err != nil || version < 0 {
		return 0, usagef("--expected is %q; give any, none, exists, or a version", text)
	}
	return eventstore.Exactly(version), nil
}

// readAppendings reads lines in the format of export. A version that a line has is expected to be the next one.
func readAppendings(from io.Reader, maxLineBytes int) (todo []appending, err error) {
	for event, err := range jsonl.Lines(from, maxLineBytes) {
		if err != nil {
			return nil, fmt.Errorf("%w; nothing was appended", err)
		}
		next := appending{stream: event.Stream, expected: eventstore.Any, event: contrail.Event{
			ID: event.ID, Type: event.Type, Data: event.Data, Metadata: event.Metadata,
		}}
		if event.Version > 0 {
			next.expected = eventstore.Exactly(event.Version - 1)
		}
		if !event.RecordedAt.IsZero() {
			return nil, fmt.Errorf("event %d has a recorded_at, but an append is recorded when it happens; "+
				"leave it out, or use contrail events import; nothing was appended", len(todo)+1)
		}
		todo = append(todo, next)
	}
	if len(todo) == 0 {
		return nil, errors.New("there is no event on standard input; give one a line, as a JSON object")
	}
	return todo, nil
}
