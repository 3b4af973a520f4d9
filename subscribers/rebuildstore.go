package subscribers

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

// knownSQL tells whether a store has an event or, where that is not known, has come so far.
const knownSQL = `SELECT EXISTS (SELECT FROM contrail.events WHERE position = $1 AND id = $2) OR $2::uuid IS NULL
	AND EXISTS (SELECT FROM contrail.events WHERE position >= $1)`

// checkStore refuses a store that the stream's events are not from: a read model's database has contrail.events, too, with none in it, or others.
func (r *rebuilder) checkStore(ctx context.Context, store Querier, at checkpoint) error {
	if at.position == 0 {
		return nil
	}
	position, id, err := r.eventAt(ctx, at)
	if err != nil {
		return err
	}
	rows, err := store.Query(ctx, knownSQL, position, id)
	if err != nil {
		return fmt.Errorf("look up position %d: %w", position, unmigrated(err))
	}
	known, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[bool])
	switch {
	case err != nil:
		return fmt.Errorf("look up position %d: %w", position, unmigrated(err))
	case !known:
		return misconfigured("the database does not have the event at position %d, which stream %s has: give the one that the stream's events are in "+
			"(ProjectionConfig.Store)", position, r.config.Stream)
	}
	return nil
}

// eventAt is the event with which the projection came to its checkpoint; without an id where the stream does not have it any more.
func (r *rebuilder) eventAt(ctx context.Context, at checkpoint) (contrail.Position, *uuid.UUID, error) {
	stream, err := r.js.Stream(ctx, r.config.Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) || err == nil && at.sequence == 0 {
		return at.position, nil, nil
	}
	if err != nil {
		return 0, nil, fmt.Errorf("look up stream %s: %w", r.config.Stream, err)
	}
	if config := stream.CachedInfo().Config; config.Mirror != nil || len(config.Sources) > 0 {
		return 0, nil, misconfigured("stream %s is a copy of another, and what its relay has left out is not known: project that one", r.config.Stream)
	}
	found, err := stream.GetMsg(ctx, at.sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return at.position, nil, nil
	}
	if err != nil {
		return 0, nil, fmt.Errorf("read the event at the checkpoint: %w", err)
	}
	event, err := wire.DecodeMessage(found.Header, found.Data)
	if err != nil || event.Resent == "" && event.Position != at.position || event.Resent != "" && event.After != at.position {
		return at.position, nil, nil //nolint:nilerr // it is another stream by now
	}
	if subject, _ := r.interest.subjects.Of(event.Recorded); subject != found.Subject {
		return 0, nil, misconfigured("position %d has the subject %s in stream %s, and not %s: give the relay's own ProjectionConfig.Prefix and Subject",
			event.Position, found.Subject, r.config.Stream, subject)
	}
	return event.Position, &event.ID, nil
}
