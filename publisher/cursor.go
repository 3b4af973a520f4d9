package publisher

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// cursor is a place in both orders: the event at position is the last that stands in its order at or before sequence in the stream.
type cursor struct {
	position contrail.Position
	sequence uint64
}

const (
	readCursorSQL = `SELECT position, sequence FROM contrail.relays WHERE stream = $1`

	// One row, held for the length of the statement, and not waited for on the disk: the setting ends with the statement's transaction.
	saveCursorSQL = insertCursor + upsertCursor
	insertCursor  = `INSERT INTO contrail.relays AS r (stream, position, sequence, leader)
		SELECT $1::text, $2::bigint, $3::bigint, $4::text WHERE set_config('synchronous_commit', 'off', true) = 'off'`
	upsertCursor = ` ON CONFLICT (stream) DO UPDATE
		SET position = excluded.position, sequence = excluded.sequence, leader = excluded.leader, updated_at = now()`

	addLostSQL = `UPDATE contrail.relays SET lost = lost + $2 WHERE stream = $1`

	// The primary key of the events, once for each of what is looked up.
	unknownSQL = `SELECT u.position FROM unnest($1::bigint[], $2::text[]) u (position, id)
		WHERE NOT EXISTS (SELECT FROM contrail.events e WHERE e.position = u.position AND e.id = u.id::uuid) LIMIT 1`
)

// ledger keeps a relay's cursor in contrail.relays and what it left out in contrail.parked, on a connection that goes with the leadership: a
// relay that lost it can't write.
type ledger struct {
	conn     *pgx.Conn
	stream   string
	identity string
}

func (l ledger) read(ctx context.Context) (cursor, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var position, sequence int64
	err := l.conn.QueryRow(ctx, readCursorSQL, l.stream).Scan(&position, &sequence)
	if err == pgx.ErrNoRows { //nolint:errorlint // Scan returns it bare
		return cursor{}, nil
	}
	if err != nil {
		return cursor{}, fmt.Errorf("read the relay's cursor: %w", err)
	}
	return cursor{contrail.Position(position), uint64(sequence)}, nil //nolint:gosec // a sequence is above zero
}

func (l ledger) save(ctx context.Context, at cursor) error {
	return l.exec(ctx, "save the relay's cursor", saveCursorSQL, l.stream, int64(at.position), int64(at.sequence), l.identity) //nolint:gosec // 2⁶³ messages
}

func (l ledger) addLost(ctx context.Context, events uint64) error {
	return l.exec(ctx, "count lost events", addLostSQL, l.stream, int64(events)) //nolint:gosec // a count
}

func (l ledger) exec(ctx context.Context, what, sql string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if _, err := l.conn.Exec(ctx, sql, args...); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// unknown returns the position of one of the events that is not in the store, under its id; 0 when all are.
func (l ledger) unknown(ctx context.Context, positions []contrail.Position, ids []uuid.UUID) (contrail.Position, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = id.String()
	}
	var position int64
	err := l.conn.QueryRow(ctx, unknownSQL, integers(positions), texts).Scan(&position)
	if err == pgx.ErrNoRows { //nolint:errorlint // Scan returns it bare
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look up the stream's events: %w", err)
	}
	return contrail.Position(position), nil
}

// integers are values as every query mode of the driver can send them.
func integers[T ~int64 | ~uint64](values []T) []int64 {
	plain := make([]int64, len(values))
	for i, value := range values {
		plain[i] = int64(value) // both stay below 2⁶³
	}
	return plain
}
