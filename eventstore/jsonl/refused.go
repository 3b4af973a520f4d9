package jsonl

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
)

// refused turns what PostgreSQL says of a batch into words about the line that it is about.
func (b *batch) refused(err error) error {
	refusal, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return b.nowhere(err)
	}
	r, known := b.rowOf(refusal)
	if !known {
		return b.nowhere(err)
	}
	if reason := b.reason(refusal, r); reason != nil {
		return &LineError{Line: r.line, Err: reason}
	}
	return b.nowhere(err)
}

// reason is why PostgreSQL refuses a row, nil where it has nothing to do with the row.
func (b *batch) reason(refusal *pgconn.PgError, r row) error {
	stream := b.streamOf(r)
	switch code := refusal.Code; {
	case code == "23505" && refusal.ConstraintName == "events_stream_version_key":
		conflict := &eventstore.ConflictError{Stream: stream, Expected: eventstore.Exactly(b.version(r) - 1), Actual: -1}
		return fmt.Errorf("%w; import again", conflict)
	case code == "23505" && refusal.ConstraintName == "events_id_key":
		return &idError{&eventstore.DuplicateError{ID: r.id}}
	case strings.HasPrefix(code, "22"), strings.HasPrefix(code, "54"): // 1e200000, too deep …
		return &contrail.InvalidError{What: "data of stream", Value: stream.String(), Reason: "can't be held as jsonb: " + refusal.Error()}
	case refusal.ConstraintName == "events_sealed_valid":
		return &contrail.InvalidError{What: "metadata key", Value: contrail.KeySealedWith, Reason: "names the key of encrypted data, but the data is not"}
	case strings.HasPrefix(code, "23"):
		return &contrail.InvalidError{What: "event of stream", Value: stream.String(), Reason: "is refused by the table: " + refusal.Error()}
	}
	return nil
}

// nowhere is about no line in particular.
func (b *batch) nowhere(err error) error {
	return fmt.Errorf("copy lines %d to %d: %w", b.rows[0].line, b.rows[len(b.rows)-1].line, migrated(err))
}

// migrated says what to do where a table is missing.
func migrated(err error) error {
	refusal, ok := errors.AsType[*pgconn.PgError](err)
	if ok && slices.Contains([]string{"42P01", "3F000", "42883"}, refusal.Code) {
		return fmt.Errorf("%w: run `contrail migrate` (%w)", eventstore.ErrNotMigrated, err)
	}
	return err
}

// rowOf finds the row that an error is about: its context says "COPY events, line 3, column data", in the server's language.
func (b *batch) rowOf(refusal *pgconn.PgError) (row, bool) {
	found := regexp.MustCompile(`COPY events, \D*(\d+)`).FindStringSubmatch(refusal.Where)
	if found == nil {
		return row{}, false
	}
	n, err := strconv.Atoi(found[1])
	if err != nil || n < 1 || n > len(b.rows) {
		return row{}, false
	}
	return b.rows[n-1], true
}

// idError tells of an id that is taken in the words of an import.
type idError struct{ taken *eventstore.DuplicateError }

func (e *idError) Error() string {
	if e.taken.Stream.IsZero() {
		return "event id " + e.taken.ID.String() + " stands on a line before, too"
	}
	return e.taken.Error() + "; was it imported before?"
}

func (e *idError) Unwrap() error { return e.taken }
