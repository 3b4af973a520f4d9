package publisher

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/publisher/parked"
)

// These touch few rows of contrail.parked, by its primary key; openSQL uses the index parked_next, and it and heldSQL parked_open. None waits for a
// lock for long: persons change these rows in short transactions.
const (
	// An event that was here before keeps the number of its attempts; one that a person has discarded meanwhile stays so. With $9, what is asked for
	// behind it in its stream is held.
	leaveSQL = `WITH behind AS (
			UPDATE contrail.parked SET state = 'held', changed_by = $8, changed_at = now()
			WHERE $9::boolean AND relay = $1 AND stream = ANY($3::text[]) AND state = 'requeued' AND position > ($2::bigint[])[1])
		INSERT INTO contrail.parked AS p (relay, position, stream, state, reason, error, attempts, changed_by)
		SELECT $1, u.position, u.stream, u.state, u.reason, u.error, u.attempts, $8
		FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[]) u (position, stream, state, reason, error, attempts)
		ON CONFLICT (relay, position) DO UPDATE SET state = excluded.state, reason = excluded.reason, error = excluded.error,
			attempts = p.attempts + excluded.attempts, changed_by = excluded.changed_by, sequence = NULL, changed_at = now()
		WHERE p.state <> 'discarded'`

	// What the source passes over: all that is left out, and what stands in the stream out of its order.
	leftOutSQL = `SELECT position FROM contrail.parked
		WHERE relay = $1 AND position > $2 AND (state <> 'published' OR sequence IS NOT NULL) ORDER BY position`

	heldSQL = `SELECT DISTINCT stream FROM contrail.parked WHERE relay = $1 AND state IN ('parked', 'held', 'requeued')`

	// What is to be published out of its order: what a person asked for, and what no longer stands behind a parked event of its stream.
	openToPublish = `SELECT p.position, p.reason FROM contrail.parked p
		WHERE p.relay = $1 AND p.state IN ('requeued', 'held') AND (p.state = 'requeued' OR NOT EXISTS (
			SELECT FROM contrail.parked b WHERE b.relay = p.relay AND b.stream = p.stream AND b.state = 'parked' AND b.position < p.position))
			AND EXISTS (SELECT FROM contrail.events e WHERE e.position = p.position)`
	openSQL = openToPublish + ` ORDER BY p.position LIMIT $2`

	// What was published is published, whatever a person has decided meanwhile. Persons lock contrail.parked first and contrail.relays last, and so
	// does this: a part of a statement that nobody refers to would be executed at its end.
	publishedSQL = `WITH resent AS (
			UPDATE contrail.parked p SET state = 'published', sequence = u.sequence, attempts = attempts + 1, changed_by = $4, changed_at = now()
			FROM unnest($5::bigint[], $6::bigint[]) u (position, sequence) WHERE p.relay = $1 AND p.position = u.position RETURNING 1)
		` + insertCursor + ` AND (SELECT count(*) FROM resent) >= 0` + upsertCursor

	// What was published out of its order behind this sequence is gone with the stream's tail: it comes again, in its order if the cursor is
	// before it, and else as before: what was held still follows what held it.
	lostSQL = `UPDATE contrail.parked
		SET state = CASE WHEN position > $3 THEN 'published' WHEN reason = 'held' THEN 'held' ELSE 'requeued' END, sequence = NULL, changed_at = now()
		WHERE relay = $1 AND state = 'published' AND sequence > $2`

	// What is to be published, and is still in front of the cursor, comes in its order, behind earlier events of its stream.
	reorderAheadSQL = `UPDATE contrail.parked p SET state = 'published', sequence = NULL, changed_by = $3, changed_at = now()
		FROM (` + openToPublish + ` AND p.position > $2) open WHERE p.relay = $1 AND p.position = open.position RETURNING p.position`

	// What was to come in its order, and was passed over by somebody who did not know that.
	skippedSQL = `UPDATE contrail.parked SET state = 'requeued', changed_by = $2, changed_at = now()
		WHERE relay = $1 AND position = ANY($3::bigint[]) AND state = 'published' AND sequence IS NULL`

	// What the stream turned out to hold: out of its order, or in it (then sequence is null).
	foundSQL = `UPDATE contrail.parked p SET state = 'published', sequence = u.sequence, changed_by = $2, changed_at = now()
		FROM unnest($3::bigint[], $4::bigint[]) u (position, sequence)
		WHERE p.relay = $1 AND p.position = u.position AND (p.state <> 'published' OR p.sequence IS DISTINCT FROM u.sequence)`
)

// leave writes down what is left out, before anything behind it is published: whoever reads the stream back must know why it is not there.
// Where holds says so, what is asked for behind the first of them in its own stream is held.
func (l ledger) leave(ctx context.Context, left []Left, holds bool) error {
	var positions []int64
	var streams, states, reasons, errs []string
	var attempts []int32
	for _, one := range left {
		positions = append(positions, int64(one.Event.Position))
		streams, states, reasons = append(streams, one.Event.Stream.String()), append(states, string(one.State)), append(reasons, string(one.Reason))
		errs, attempts = append(errs, one.Error), append(attempts, int32(one.Attempts)) //nolint:gosec // a handful
	}
	return l.exec(ctx, "write down what is left out", leaveSQL, l.stream, positions, streams, states, reasons, errs, attempts, l.identity, holds)
}

// reorderAhead has what is to be published, and is still in front of the cursor, come in its order, and tells whether there was any.
func (l ledger) reorderAhead(ctx context.Context, at contrail.Position) (bool, error) {
	found, err := query(ctx, l, reading{"put what is requeued in order", reorderAheadSQL}, pgx.RowTo[contrail.Position], l.stream, int64(at), l.identity)
	return len(found) > 0, err
}

// savePassedOver asks for what was to come in its order, and did not.
func (l ledger) savePassedOver(ctx context.Context, positions []contrail.Position) error {
	if len(positions) == 0 {
		return nil
	}
	return l.exec(ctx, "write down what was passed over", skippedSQL, l.stream, l.identity, integers(positions))
}

// leftOut returns the positions behind one that are to be passed over, ascending.
func (l ledger) leftOut(ctx context.Context, after contrail.Position) ([]contrail.Position, error) {
	return query(ctx, l, reading{"read what is left out", leftOutSQL}, pgx.RowTo[contrail.Position], l.stream, int64(after))
}

// held returns the streams with an event that waits, whose later events must wait, too.
func (l ledger) held(ctx context.Context) (map[contrail.StreamID]bool, error) {
	streams, err := query(ctx, l, reading{"read which streams are held", heldSQL}, pgx.RowTo[string], l.stream)
	held := make(map[contrail.StreamID]bool, len(streams))
	for _, text := range streams {
		stream, invalid := contrail.ParseStreamID(text)
		if invalid != nil {
			return nil, fmt.Errorf("read which streams are held: contrail.parked: %w", invalid)
		}
		held[stream] = true
	}
	return held, err
}

// asked is an event that is to be published out of its order.
type asked struct {
	Position contrail.Position
	Reason   parked.Reason
}

func (l ledger) asked(ctx context.Context, limit int) ([]asked, error) {
	return query(ctx, l, reading{"read what is requeued", openSQL}, pgx.RowToStructByPos[asked], l.stream, limit)
}

// savePublished saves the cursor together with what was published out of its order.
func (l ledger) savePublished(ctx context.Context, at cursor, positions []contrail.Position, sequences []uint64) error {
	return l.exec(ctx, "save the relay's cursor", publishedSQL, l.stream, int64(at.position), int64(at.sequence), //nolint:gosec // 2⁶³ messages
		l.identity, integers(positions), integers(sequences))
}

// saveLost makes what was published out of its order, behind the stream's last sequence, come again.
func (l ledger) saveLost(ctx context.Context, at cursor) error {
	return l.exec(ctx, "write down what is lost", lostSQL, l.stream, int64(at.sequence), int64(at.position)) //nolint:gosec // 2⁶³ messages
}

// saveFound writes down what the stream turned out to hold; a sequence of nil means in its order.
func (l ledger) saveFound(ctx context.Context, positions []contrail.Position, sequences []*int64) error {
	if len(positions) == 0 {
		return nil
	}
	return l.exec(ctx, "write down what was found", foundSQL, l.stream, l.identity, integers(positions), sequences)
}

// reading is a question to the database, and what it is for.
type reading struct{ what, sql string }

func query[T any](ctx context.Context, l ledger, of reading, scan pgx.RowToFunc[T], args ...any) ([]T, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := l.conn.Query(ctx, of.sql, args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", of.what, err)
	}
	found, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", of.what, err)
	}
	return found, nil
}
