package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore/jsonl"
)

const (
	timeLayout = "2006-01-02T15:04:05.000Z"
	tableStep  = 1000 // rows of a table that are aligned together
)

// eventsPrinter prints events as they come, in a table or as JSON lines.
type eventsPrinter struct {
	app    *app
	asJSON bool
	width  int // of the terminal; 0: there is none, and nothing is cut

	titled bool
	rows   [][]string
	widths []int // of the columns; they only grow
	line   []byte
}

func (a *app) newEventsPrinter(asJSON bool) *eventsPrinter {
	p := &eventsPrinter{app: a, asJSON: asJSON}
	if file, ok := a.stdout.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil {
			p.width = width
		}
	}
	return p
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
		p.line = p.table(p.line)
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

// table appends the rows to a text, and before the first ones what their columns are.
func (p *eventsPrinter) table(to []byte) []byte {
	rows := p.rows
	title := []string{"POSITION", "TIME", "STREAM@VERSION", "TYPE", "DATA"}
	if !p.titled {
		rows = append([][]string{title}, rows...)
	}
	if p.widths == nil {
		p.widths = make([]int, len(title)-1)
	}
	for _, row := range rows {
		for n := range p.widths {
			p.widths[n] = max(p.widths[n], utf8.RuneCountInString(row[n]))
		}
	}
	for n, row := range rows {
		text := p.row(row)
		if n == 0 && !p.titled {
			text = p.app.paint(bold, text)
		}
		to = append(append(to, text...), '\n')
	}
	p.titled = true
	return to
}

func (p *eventsPrinter) row(cells []string) string {
	var line strings.Builder
	for n, width := range p.widths {
		padding := strings.Repeat(" ", width-utf8.RuneCountInString(cells[n]))
		if n == 0 {
			line.WriteString(padding + cells[n] + "  ") // a number
			continue
		}
		line.WriteString(cells[n] + padding + "  ")
	}
	line.WriteString(cells[len(cells)-1])
	return cut(line.String(), p.width)
}

// data is the body in one line, or why it is not to be read.
func (p *eventsPrinter) data(event contrail.Recorded) string {
	switch {
	case event.Sealed:
		return "(sealed)"
	case event.Erased:
		return "(erased)"
	}
	data := event.Data
	if p.width > 0 {
		data = data[:min(len(data), 4*p.width)] // the rest is cut off anyway
	} else {
		var compact bytes.Buffer
		if json.Compact(&compact, data) == nil {
			data = compact.Bytes()
		}
	}
	return printable(strings.ToValidUTF8(string(data), ""))
}

// printable takes out of a text what would not be shown but done by a terminal: escape sequences, and turns of the direction of writing.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return utf8.RuneError
		}
		return r
	}, breaks.ReplaceAllString(text, " "))
}

// cut shortens a text to so many characters; 0 leaves it as it is.
func cut(text string, width int) string {
	if width == 0 || utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:width-1]) + "…"
}
