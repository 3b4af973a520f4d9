package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
)

// printf writes to standard output. That a write has failed is told once, by told.
func (a *app) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(a.stdout, format, args...); err != nil && a.unwritten == nil {
		a.unwritten = fmt.Errorf("write the result: %w", err)
	}
}

// told is how a verb ends that may have told something on standard output: what could not be written is not told.
func (a *app) told(err error) error {
	if a.unwritten != nil && (err == nil || errors.Is(err, errNotSo)) {
		return a.unwritten
	}
	if refusal, ok := errors.AsType[*pgconn.PgError](err); ok && refusal.Code == insufficientPrivilege {
		return fmt.Errorf("%w; contrail migrate roles --print shows which role may do that", err)
	}
	return err
}

const insufficientPrivilege = "42501" // PostgreSQL's code

// printJSON writes one JSON object and a line break.
func (a *app) printJSON(value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	if _, err := fmt.Fprintf(a.stdout, "%s\n", text); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// printTable writes rows of cells in aligned columns; those listed in right are numbers, and stand on the right.
func (a *app) printTable(rows [][]string, right ...int) {
	var widths []int
	for _, row := range rows {
		for n, cell := range row {
			if n == len(widths) {
				widths = append(widths, 0)
			}
			widths[n] = max(widths[n], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for n, cell := range row {
			padding := strings.Repeat(" ", widths[n]-utf8.RuneCountInString(cell))
			if slices.Contains(right, n) {
				cell = padding + cell
			} else {
				cell += padding
			}
			line.WriteString(cell + "  ")
		}
		a.printf("%s\n", strings.TrimRight(line.String(), " "))
	}
}

// thousands writes 1234567 as 1,234,567.
func thousands[T ~int | ~int64 | ~uint64](n T) string {
	digits := strconv.FormatInt(int64(n), 10)
	for cut := len(digits) - 3; cut > 0 && digits[cut-1] != '-'; cut -= 3 {
		digits = digits[:cut] + "," + digits[cut:]
	}
	return digits
}

// plural is "1 event" or "2 events".
func plural[T ~int | ~int64 | ~uint64](n T, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return thousands(n) + " " + noun
}

// agree is the one of two words that goes with the number: 1 event is, 2 events are.
func agree[T ~int | ~int64 | ~uint64](n T, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// paint colours a text where standard output is a terminal and nobody objects (no-color.org).
func (a *app) paint(colour, text string) string {
	file, ok := a.stdout.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return text
	}
	if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return text
	}
	return colour + text + "\x1b[0m"
}

const (
	green = "\x1b[32m"
	red   = "\x1b[31m"
	bold  = "\x1b[1m"
)
