package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore/jsonl"
)

const timeLayout = "2006-01-02T15:04:05.000Z"

// eventsPrinter prints events as they come, in a table or as JSON lines.
type eventsPrinter struct {
	app      *app
	asJSON   bool
	terminal bool // reads the JSON

	table *table
	rows  [][]string
	line  []byte
}

func (a *app) newEventsPrinter(asJSON bool) *eventsPrinter {
	return &eventsPrinter{
		app: a, asJSON: asJSON, terminal: isTerminal(a.stdout), table: a.newTable([]string{"POSITION", "TIME", "STREAM@VERSION", "TYPE", "DATA"}, 0),
	}
}

// print takes one event; flush writes the last ones.
func (p *eventsPrinter) print(event contrail.Recorded) error {
	if p.asJSON {
		p.line = append(jsonl.AppendLine(p.line, event), '\n')
		if len(p.line) >= 64<<10 {
			return p.flush()
		}
		return nil
	}
	p.rows = append(p.rows, []string{
		fmt.Sprint(event.Position), event.RecordedAt.Format(timeLayout), fmt.Sprintf("%s@%d", event.Stream, event.Version), event.Type, p.data(event),
	})
	if len(p.rows) == tableStep {
		return p.flush()
	}
	return nil
}

func (p *eventsPrinter) flush() error {
	if len(p.rows) > 0 {
		p.line = append(p.line, p.app.shown(p.table.text(p.rows))...)
	}
	if p.asJSON && p.terminal {
		p.line = shownJSON(p.line)
	}
	if len(p.line) > 0 {
		if _, err := p.app.stdout.Write(p.line); err != nil {
			return &writeError{err}
		}
	}
	p.rows, p.line = p.rows[:0], p.line[:0]
	return nil
}

// writeError says that standard output does not take any more.
type writeError struct{ reason error }

func (e *writeError) Error() string { return "write the result: " + e.reason.Error() }

func (e *writeError) Unwrap() error { return e.reason }

// data is the body in one line, or why it is not to be read.
func (p *eventsPrinter) data(event contrail.Recorded) string {
	switch {
	case event.Sealed:
		return "(sealed)"
	case event.Erased:
		return "(erased)"
	}
	data := event.Data
	if limit := p.table.limit; limit > 0 {
		data = data[:min(len(data), dataLines*limit)] // what is behind is cut off anyway
	} else {
		var compact bytes.Buffer
		if json.Compact(&compact, data) == nil {
			data = compact.Bytes()
		}
	}
	return string(data)
}

const dataLines = 4 // a character has four bytes at most
