package eventstore

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/schema"
)

// What [Check] and [Migrate] find wrong with a database.
var (
	ErrTooOld          = errors.New("PostgreSQL is too old")
	ErrStandby         = errors.New("the server is a standby")
	ErrNotMigrated     = schema.ErrNotMigrated
	ErrMigratedByNewer = schema.ErrMigratedByNewer
	ErrSequence        = errors.New("the sequence of contrail.events was altered")
)

// ErrNotFound says that there is no such event.
var ErrNotFound = errors.New("there is no such event")

// ErrIsolation says that a transaction keeps one snapshot for all its statements, so that it can't tell what is settled.
var ErrIsolation = errors.New("the transaction is at REPEATABLE READ or above")

// ErrTransactionAborted says that the caller's transaction had failed before, or had ended, when it was handed over.
var ErrTransactionAborted = errors.New("the transaction is aborted or over")

// ConflictError says that a stream was not where the caller expected it. It wraps [contrail.ErrConflict].
type ConflictError struct {
	Stream   contrail.StreamID
	Expected ExpectedVersion
	Actual   int64 // the version that the stream is at; -1 when a rival aborted the transaction before it could be read
}

// Error is one line: what was expected, and what there is.
func (e *ConflictError) Error() string {
	actual := fmt.Sprintf("it is at version %d", e.Actual)
	if e.Actual < 0 {
		actual = "another transaction was faster"
	}
	return fmt.Sprintf("stream %s: expected %s, but %s", e.Stream, e.Expected, actual)
}

// Unwrap returns [contrail.ErrConflict].
func (e *ConflictError) Unwrap() error { return contrail.ErrConflict }

// DuplicateError says that an event with the same id stands elsewhere in the store.
type DuplicateError struct {
	ID       uuid.UUID         // the id that is taken; the zero id when the database aborted the transaction before saying where it is
	Stream   contrail.StreamID // where it stands
	Version  int64
	Position contrail.Position
}

// Error says where the id stands.
func (e *DuplicateError) Error() string {
	if e.Stream.IsZero() {
		return "an event with one of these ids is in the store already, or twice in the call"
	}
	return fmt.Sprintf("event id %s stands at version %d of stream %s already (position %d)", e.ID, e.Version, e.Stream, e.Position)
}

// translate turns what a driver reports for an append into this package's words, once. It knows errors by their SQLSTATE and by the
// constraint that their text names, since that is what pgx and pq have in common.
func translate(stream contrail.StreamID, expected ExpectedVersion, err error) error {
	refusal, ok := errors.AsType[refusal](err)
	if !ok {
		return translateRead(err)
	}
	switch state := refusal.SQLState(); {
	case state == "23505" && strings.Contains(refusal.Error(), "events_stream_version_key"):
		return &ConflictError{Stream: stream, Expected: expected, Actual: -1}
	case state == "23505" && strings.Contains(refusal.Error(), "events_id_key"):
		return &DuplicateError{}
	case state == "40001": // at REPEATABLE READ, a rival is a serialization failure
		return &ConflictError{Stream: stream, Expected: expected, Actual: -1}
	case slices.Contains([]string{"22P05", "22P02", "22003", "22021", "54000", "54001"}, state): // \u0000, 1e200000, not UTF-8, too deep …
		return &contrail.InvalidError{What: "data of stream", Value: stream.String(), Reason: "can't be held as jsonb: " + refusal.Error()}
	}
	return translateRead(err)
}

// translateRead is translate for what may happen to any statement.
func translateRead(err error) error {
	if errors.Is(err, pgx.ErrTxClosed) || errors.Is(err, sql.ErrTxDone) {
		return fmt.Errorf("%w: %w", ErrTransactionAborted, err)
	}
	refusal, ok := errors.AsType[refusal](err)
	if !ok {
		return err
	}
	switch refusal.SQLState() {
	case "25P02":
		return fmt.Errorf("%w: %w", ErrTransactionAborted, err)
	case "42P01", "3F000", "42883":
		return fmt.Errorf("%w: run `contrail migrate` (%w)", ErrNotMigrated, err)
	}
	return err
}

// refusal is an error of the server's, from either driver.
type refusal interface {
	error
	SQLState() string
}
