package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// printf writes to standard output, and nothing that a terminal would do. That a write has failed is told once, by told.
func (a *app) printf(format string, args ...any) {
	if _, err := io.WriteString(a.stdout, a.shown(fmt.Sprintf(format, args...))); err != nil && a.unwritten == nil {
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

// note writes what helps a person and is no part of the result: --quiet leaves it away.
func (a *app) note(format string, args ...any) {
	if !a.Quiet {
		a.printf(format, args...)
	}
}

// printJSON writes one JSON object and a line break.
func (a *app) printJSON(value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	if _, err := a.stdout.Write(append(shownJSON(text), '\n')); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
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
