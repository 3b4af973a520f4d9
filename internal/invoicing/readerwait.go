package invoicing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
)

// The pauses between the looks of one who waits: what was just appended is usually there within a few milliseconds.
const (
	firstPause = 4 * time.Millisecond
	lastPause  = 64 * time.Millisecond
)

var (
	// ErrBehind says that a read model has not come to a position in time.
	ErrBehind = errors.New("the read model is behind")
	// ErrNoSuchPosition says that no event has the position that is asked for, or a later one.
	ErrNoSuchPosition = errors.New("the event store has no such position yet: ask for one that a command has returned")
)

// BehindError says how far a read model has come in place of what was wanted. It is an [ErrBehind].
type BehindError struct {
	Projection string
	Position   contrail.Position // where it is
	Wanted     contrail.Position
}

// Error names the projection and both positions.
func (e *BehindError) Error() string {
	return fmt.Sprintf("projection %q is at position %d, wanted was %d: try again, or see whether it and the relay run", e.Projection, e.Position, e.Wanted)
}

// Unwrap returns [ErrBehind].
func (e *BehindError) Unwrap() error { return ErrBehind }

// await returns when a projection has come to a position.
func (r *Reader) await(ctx context.Context, projection string, atLeast contrail.Position) error {
	if atLeast <= 0 {
		return nil
	}
	at, err := subscribers.Checkpoint(ctx, r.db, projection)
	if err != nil || at >= atLeast {
		return err
	}
	wanted, err := r.lastBefore(ctx, atLeast)
	if err != nil {
		return err
	}
	waiting, stop := context.WithTimeout(ctx, max(r.config.Wait, 0))
	defer stop()
	for pause := firstPause; at < wanted; pause = min(2*pause, lastPause) {
		select {
		case <-time.After(pause):
		case <-waiting.Done():
		}
		if ctx.Err() != nil {
			return fmt.Errorf("wait for projection %q to come to position %d: %w", projection, atLeast, context.Cause(ctx))
		}
		over := waiting.Err() != nil // before the last look
		if at, err = subscribers.Checkpoint(ctx, r.db, projection); err != nil {
			return err
		}
		if over && at < wanted {
			return &BehindError{projection, at, atLeast}
		}
	}
	return nil
}

// lastBeforeSQL reads one row of each category, however many events of other services stand behind it: in this order none but the index on (category,
// position) has them.
const lastBeforeSQL = `SELECT coalesce((SELECT max(position) FROM contrail.events), 0), coalesce((SELECT max(last.position) FROM unnest($2::text[]) AS wanted,
	LATERAL (SELECT split_part(stream, '-', 1) AS category, position FROM contrail.events WHERE (split_part(stream, '-', 1), position) <= (wanted, $1)
		ORDER BY split_part(stream, '-', 1) DESC, position DESC LIMIT 1) AS last WHERE last.category = wanted), 0)`

// lastBefore is the last position up to one that concerns the read models: to wait for an event that they don't read would be to wait for the next
// one that they do.
func (r *Reader) lastBefore(ctx context.Context, atLeast contrail.Position) (contrail.Position, error) {
	var newest, last contrail.Position
	if err := r.db.QueryRow(ctx, lastBeforeSQL, atLeast, categories()).Scan(&newest, &last); err != nil {
		return 0, fmt.Errorf("look up position %d: %w", atLeast, err)
	}
	if newest < atLeast {
		return 0, fmt.Errorf("position %d, where the newest is %d: %w", atLeast, newest, ErrNoSuchPosition)
	}
	return last, nil
}
