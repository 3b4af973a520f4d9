package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
)

// eventsShowVerb shows one event.
type eventsShowVerb struct {
	Event string `arg:"" help:"Which: its id, its position, or its stream and version as in invoice-42@3."`
	JSON  bool   `name:"json" help:"Print one JSON line, in the format of export."`

	keysFlag
}

// Help teaches.
func (*eventsShowVerb) Help() string {
	return `Shows one event: where it stands, its metadata and its data, indented. It exits 1 when there is no such event.

Examples:

  contrail events show 1234
  contrail events show invoice-42@3
  contrail events show 0192d9a1-7c3e-7c4e-9a30-0f3f2f4b5a6c --json`
}

// seeker finds one event.
type seeker func(ctx context.Context, store *eventstore.Store, pool *pgxpool.Pool) (contrail.Recorded, error)

// Run shows.
func (v *eventsShowVerb) Run(ctx context.Context, a *app) error {
	seek, err := v.seeker()
	if err != nil {
		return err
	}
	store, err := v.newStore()
	if err != nil {
		return err
	}
	pool, err := a.openStore(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	event, err := seek(ctx, store, pool)
	if errors.Is(err, eventstore.ErrNotFound) {
		return fmt.Errorf("there is no event %s", v.Event)
	}
	if err != nil {
		return err
	}
	if v.JSON {
		printer := a.newEventsPrinter(true)
		return errors.Join(printer.print(event), printer.flush())
	}
	a.printPairs(eventRows(event))
	a.printf("\n%s\n", indented(event))
	return nil
}

func (v *eventsShowVerb) seeker() (seeker, error) {
	if id, err := uuid.Parse(v.Event); err == nil {
		return func(ctx context.Context, store *eventstore.Store, pool *pgxpool.Pool) (contrail.Recorded, error) {
			return store.Find(ctx, pool, id)
		}, nil
	}
	if position, err := strconv.ParseInt(v.Event, 10, 64); err == nil && position > 0 {
		return atPosition(contrail.Position(position)), nil
	}
	at := strings.LastIndexByte(v.Event, '@')
	if at < 0 {
		return nil, usagef("%q is no event; give an id, a position, or a stream and version as invoice-42@3", v.Event)
	}
	stream, err := contrail.ParseStreamID(v.Event[:at])
	version, wrong := strconv.ParseInt(v.Event[at+1:], 10, 64)
	if err != nil || wrong != nil || version < 1 {
		return nil, usagef("%q is no stream and version; give them as invoice-42@3", v.Event)
	}
	return atVersion(stream, version), nil
}

func atPosition(position contrail.Position) seeker {
	return func(ctx context.Context, store *eventstore.Store, pool *pgxpool.Pool) (contrail.Recorded, error) {
		for event, err := range store.Read(ctx, pool, eventstore.Query{After: position - 1, Until: position}) {
			return event, err
		}
		horizon, err := eventstore.Horizon(ctx, pool)
		if err == nil && horizon < position {
			err = fmt.Errorf("there is no event at position %d yet; all is settled up to %d", position, horizon)
		}
		if err == nil {
			err = eventstore.ErrNotFound
		}
		return contrail.Recorded{}, err
	}
}

func atVersion(stream contrail.StreamID, version int64) seeker {
	return func(ctx context.Context, store *eventstore.Store, pool *pgxpool.Pool) (contrail.Recorded, error) {
		for event, err := range store.LoadBackwards(ctx, pool, stream, version) {
			if err == nil && event.Version != version {
				return event, fmt.Errorf("there is no event %s@%d; the stream is at version %d", stream, version, event.Version)
			}
			return event, err
		}
		return contrail.Recorded{}, fmt.Errorf("there is no stream %s", stream)
	}
}

func eventRows(event contrail.Recorded) [][]string {
	rows := [][]string{
		{"position", strconv.FormatInt(int64(event.Position), 10)},
		{"id", event.ID.String()},
		{"stream", event.Stream.String()},
		{"version", strconv.FormatInt(event.Version, 10)},
		{"type", event.Type},
		{"recorded", event.RecordedAt.Format(time.RFC3339Nano)},
	}
	for _, key := range slices.Sorted(maps.Keys(event.Metadata)) {
		rows = append(rows, []string{"  " + key, printable(event.Metadata[key])})
	}
	switch {
	case event.Sealed:
		rows = append(rows, []string{"data", "sealed: encrypted with the key of the person it is about"})
	case event.Erased:
		rows = append(rows, []string{"data", "erased: the key of the person it was about is deleted"})
	}
	return rows
}

func indented(event contrail.Recorded) string {
	var text bytes.Buffer
	if json.Indent(&text, event.Data, "", "  ") != nil {
		return printable(string(event.Data))
	}
	lines := strings.Split(text.String(), "\n")
	for n, line := range lines {
		lines[n] = printable(line)
	}
	return strings.Join(lines, "\n")
}
