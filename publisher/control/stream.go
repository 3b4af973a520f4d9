package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Stream is a JetStream stream that is relayed, or was.
type Stream struct {
	Name          string     `json:"stream"`
	Leader        string     `json:"leader"`         // the identity of the relay that leads; "" when none does
	PausedAt      *time.Time `json:"paused_at"`      // nil: it is not paused
	PausedBy      string     `json:"paused_by"`      // who has paused it
	PausedBecause string     `json:"paused_because"` // and why
}

const (
	streamColumns = `r.stream, contrail.leader(r.stream), r.paused_at, r.paused_by, r.paused_because`

	streamsSQL = `SELECT ` + streamColumns + ` FROM contrail.relays r WHERE $1::text IN ('', r.stream) ORDER BY r.stream`

	// One row, held for the length of the statement; the leader's heartbeat reads it, and its cursor waits for it. Idle leaders get up. A stream
	// that nobody has relayed yet begins with a row that says so.
	pauseStreamSQL = `WITH r AS (
			INSERT INTO contrail.relays AS r (stream, paused_at, paused_by, paused_because) VALUES ($1::text, clock_timestamp(), $2::text, $3::text)
			ON CONFLICT (stream) DO UPDATE SET
				paused_by = CASE WHEN r.paused_at IS NULL THEN excluded.paused_by ELSE r.paused_by END,
				paused_because = CASE WHEN r.paused_at IS NULL THEN excluded.paused_because ELSE r.paused_because END,
				paused_at = coalesce(r.paused_at, excluded.paused_at)
			RETURNING stream, paused_at, paused_by, paused_because
		) SELECT ` + streamColumns + `, pg_notify('contrail', '')::text FROM r`

	resumeStreamSQL = `WITH r AS (
			UPDATE contrail.relays SET paused_at = NULL, paused_by = '', paused_because = '' WHERE stream = $1::text
			RETURNING stream, paused_at, paused_by, paused_because
		) SELECT ` + streamColumns + `, pg_notify('contrail', '')::text FROM r`
)

// Streams returns the streams that relays keep a cursor for, by name; only the one of this name unless it is "".
func Streams(ctx context.Context, db Querier, name string) ([]Stream, error) {
	rows, err := db.Query(ctx, streamsSQL, name)
	if err != nil {
		return nil, fmt.Errorf("list streams: %w", err)
	}
	streams, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Stream, error) {
		var s Stream
		err := row.Scan(&s.Name, &s.Leader, &s.PausedAt, &s.PausedBy, &s.PausedBecause)
		return s, err //nolint:wrapcheck // Streams wraps it
	})
	if err != nil {
		return nil, fmt.Errorf("list streams: %w", err)
	}
	return streams, nil
}

// PauseStream has no relay publish to a stream any more until [ResumeStream], whatever relays start or end meanwhile; [AwaitStream] tells when it is
// so. by is who says so, and because why: both are kept for people to see. A stream that is paused already stays as it is, and the
// result tells by whom and why it was. The stream need not be relayed yet.
//
// db may be a transaction, at whose commit the relays learn of it.
func PauseStream(ctx context.Context, db Querier, stream, by, because string) (Stream, error) {
	return changeStream(db.QueryRow(ctx, pauseStreamSQL, stream, by, because), "pause", stream)
}

// ResumeStream lets a stream be relayed again. One that is not paused, or was never relayed, stays as it is. Relays that are paused
// themselves stay so. Else it works as [PauseStream] does.
func ResumeStream(ctx context.Context, db Querier, stream string) (Stream, error) {
	resumed, err := changeStream(db.QueryRow(ctx, resumeStreamSQL, stream), "resume", stream)
	if errors.Is(err, pgx.ErrNoRows) {
		return Stream{Name: stream}, nil
	}
	return resumed, err
}

func changeStream(row pgx.Row, operation, stream string) (changed Stream, err error) {
	var notified string
	err = row.Scan(&changed.Name, &changed.Leader, &changed.PausedAt, &changed.PausedBy, &changed.PausedBecause, &notified)
	if err != nil {
		return Stream{}, fmt.Errorf("%s stream %s: %w", operation, stream, err)
	}
	return changed, nil
}

// AwaitStream returns when every relay of a stream, as far as it is alive, knows whether the stream is paused: no relay publishes, or the one that
// leads does. When ctx ends before, the error is a [*PendingError] that tells who does not know yet.
//
// db must be no transaction: what the relays write is to be seen.
func AwaitStream(ctx context.Context, db Querier, stream string) error {
	return await(ctx, db, func(ctx context.Context) (string, error) {
		streams, err := Streams(ctx, db, stream)
		if err != nil || len(streams) == 0 {
			return "", err
		}
		relays, err := List(ctx, db, stream)
		if err != nil {
			return "", err
		}
		paused := streams[0].PausedAt != nil
		for _, relay := range relays {
			switch {
			case relay.Gone:
			case paused && relay.State == Leading:
				return fmt.Sprintf("stream %s is not paused yet: relay %s is leading", stream, relay.Identity), nil
			case !paused && relay.Leads && relay.State == Paused:
				return fmt.Sprintf("stream %s is not resumed yet: relay %s leads and is paused", stream, relay.Identity), nil
			}
		}
		return "", nil
	})
}
