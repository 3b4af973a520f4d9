package publisher

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// cursor is a place in both orders: the event at position has sequence in the stream.
type cursor struct {
	position contrail.Position
	sequence uint64
}

const (
	readCursorSQL = `SELECT position, sequence FROM contrail.relays WHERE stream = $1`

	// One row, held for the length of the statement, and not waited for on the disk: the setting ends with the statement's transaction.
	saveCursorSQL = `INSERT INTO contrail.relays AS r (stream, position, sequence, leader)
		SELECT $1::text, $2::bigint, $3::bigint, $4::text WHERE set_config('synchronous_commit', 'off', true) = 'off'
		ON CONFLICT (stream) DO UPDATE
		SET position = excluded.position, sequence = excluded.sequence, leader = excluded.leader, updated_at = now()`

	addLostSQL = `UPDATE contrail.relays SET lost = lost + $2 WHERE stream = $1`

	knowsSQL = `SELECT EXISTS (SELECT FROM contrail.events WHERE position = $1 AND id = $2)`
)

// ledger keeps a relay's cursor in contrail.relays, on a connection that goes with the leadership: a relay that lost it can't write.
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
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if _, err := l.conn.Exec(ctx, saveCursorSQL, l.stream, int64(at.position), int64(at.sequence), l.identity); err != nil { //nolint:gosec // 2⁶³ messages
		return fmt.Errorf("save the relay's cursor: %w", err)
	}
	return nil
}

func (l ledger) addLost(ctx context.Context, events uint64) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if _, err := l.conn.Exec(ctx, addLostSQL, l.stream, int64(events)); err != nil { //nolint:gosec // a count
		return fmt.Errorf("count lost events: %w", err)
	}
	return nil
}

// knows tells whether an event stands at a position.
func (l ledger) knows(ctx context.Context, position contrail.Position, id uuid.UUID) (known bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if err := l.conn.QueryRow(ctx, knowsSQL, int64(position), id).Scan(&known); err != nil {
		return false, fmt.Errorf("look up the stream's last event: %w", err)
	}
	return known, nil
}
