package jsonl

import (
	"strconv"
	"time"

	"github.com/contrail-events/contrail"
)

// stringOf returns what a value says that must be a string.
func stringOf(field string, text []byte) (string, error) {
	if text[0] != '"' {
		return "", &contrail.InvalidError{What: field, Value: string(text), Reason: "is not a string"}
	}
	return unescape(text[1 : len(text)-1]), nil
}

// whole reads a number that counts from one.
func whole[T ~int64](field string, text []byte) (T, error) {
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || n < 1 {
		return 0, &contrail.InvalidError{What: field, Value: string(text), Reason: "is not a whole number of 1 or more"}
	}
	return T(n), nil
}

// parseTime reads a time in RFC 3339 as PostgreSQL keeps it: in microseconds, in UTC.
func parseTime(text []byte) (time.Time, error) {
	said, err := stringOf("recorded_at", text)
	if err != nil {
		return time.Time{}, err
	}
	at, err := time.Parse(time.RFC3339Nano, said)
	at = at.Truncate(time.Microsecond).UTC()
	if err != nil || at.Year() < 1 || at.Year() > 9999 || at.IsZero() {
		return time.Time{}, &contrail.InvalidError{
			What: "recorded_at", Value: said, Reason: "is not a time of the years 1 to 9999 in RFC 3339, such as 2026-11-21T20:15:04.123456Z",
		}
	}
	return at, nil
}
