package main

import (
	"context"
	"iter"
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/jsonl"
)

// eventsExportVerb exports.
type eventsExportVerb struct {
	eventsFilter

	File  string `arg:"" optional:"" default:"-" help:"The file to write; - is standard output."`
	Force bool   `env:"-" help:"Replace the file if it is there."`
	JSON  bool   `name:"json" help:"Print the outcome as JSON. Not with standard output, where the events go."`
}

// Help teaches.
func (*eventsExportVerb) Help() string {
	return `Writes all events that the filters select as JSON lines, in the order of their positions. A file appears under its name when it is
complete, and only its owner may read it. Encrypted data stays encrypted, and its keys stay where they are.

` + filterHelp + `

Examples:

  contrail events export events.jsonl
  contrail events export --category invoice --since 2026-11-01 | gzip > november.jsonl.gz
  contrail events export --after 123456 newer.jsonl --force`
}

// exported is what --json prints.
type exported struct {
	Events  int64   `json:"events"`
	File    string  `json:"file"`
	Seconds float64 `json:"seconds"`
}

// Run exports.
func (v *eventsExportVerb) Run(ctx context.Context, a *app) error {
	query, err := v.query(time.Now())
	if err != nil {
		return err
	}
	if v.JSON && v.File == "-" {
		return usagef("--json tells of a file; the events themselves go to standard output as JSON lines anyway")
	}
	pool, err := a.openStore(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	output, err := a.openOutput(v.File, v.Force)
	if err != nil {
		return err
	}
	defer output.discard()
	horizon, err := eventstore.Horizon(ctx, pool)
	if err != nil {
		return err
	}
	if query.Until == 0 || query.Until > horizon {
		query.Until = horizon
	}
	store, err := eventstore.New(eventstore.Config{}) // without keys: what is encrypted stays so
	if err != nil {
		return err
	}
	progress := a.newEventsProgress("exporting", max(1, int64(query.Until-query.After)), false)
	began := time.Now()
	read, position := watched(store.Read(ctx, pool, query))
	n, err := jsonl.Export(ctx, output, read, func(int64) { progress.at(int64(*position - query.After)) })
	progress.gone()
	if err == nil {
		err = output.keep()
	}
	if err != nil || output.file == nil {
		return err
	}
	if v.JSON {
		return a.printJSON(exported{Events: n, File: v.File, Seconds: round(time.Since(began))})
	}
	a.printf("exported %s to %s\n", plural(n, "event"), v.File)
	return nil
}

// watched tells at which position a sequence is.
func watched(events iter.Seq2[contrail.Recorded, error]) (iter.Seq2[contrail.Recorded, error], *contrail.Position) {
	position := new(contrail.Position)
	return func(yield func(contrail.Recorded, error) bool) {
		for event, err := range events {
			*position = max(*position, event.Position)
			if !yield(event, err) {
				return
			}
		}
	}, position
}
