package dashboard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/seek"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/publisher/parked"
)

// publicationState is how far an event is on its way to the stream.
type publicationState string

const (
	publicationUnknown   publicationState = "unknown"   // it could not be read
	publicationWaiting   publicationState = "waiting"   // the relay has not come to it
	publicationPublished publicationState = "published" // it is in the stream
	publicationGone      publicationState = "gone"      // it was published, and the stream does not have it any more
	publicationParked    publicationState = "parked"    // the broker has refused it, and a person decides
	publicationHeld      publicationState = "held"      // it waits behind a parked event of its own stream
	publicationRequeued  publicationState = "requeued"  // a person has asked for it: the relay publishes it next
	publicationDiscarded publicationState = "discarded" // a person has decided that it shall not be published
	publicationMissing   publicationState = "missing"   // the stream is further, and does not have it
)

// publication is where an event stands in the JetStream stream.
type publication struct {
	State    publicationState `json:"state"`
	Stream   string           `json:"stream"`             // of JetStream
	Subject  string           `json:"subject"`            // as published or, before that, as it will be unless the relay has a template of its own
	Sequence uint64           `json:"sequence,omitempty"` // zero: it is not there, or not any more
	At       *time.Time       `json:"at,omitempty"`       // by the broker's clock
	Resent   string           `json:"resent,omitempty"`   // why it stands out of its order: requeue or repair; empty: it does not

	Parked *parked.Event `json:"parked,omitempty"` // how it was left out; nil: it was not
	Behind int64         `json:"behind,omitempty"` // of one that is held: the position of the parked event that it waits for; zero: unknown
	Ahead  int64         `json:"ahead,omitempty"`  // of one that waits: positions before it that the relay has yet to come to
}

// behindSQL uses the index parked_open.
const behindSQL = `SELECT position FROM contrail.parked WHERE relay = $1 AND stream = $2 AND state = 'parked' AND position < $3 ORDER BY position LIMIT 1`

// readPublication finds an event in the stream: by its sequence where it was published out of its order, else by bisection.
func (d *Dashboard) readPublication(ctx context.Context, event contrail.Recorded) (p publication, err error) {
	p = publication{State: publicationUnknown, Stream: d.config.Stream, Subject: wire.Subject(d.config.Prefix, event)}
	left, err := parked.Get(ctx, d.pool, d.config.Stream, event.Position)
	switch {
	case err == nil:
		p.Parked = &left.Event
	case !errors.Is(err, parked.ErrNotFound):
		return p, err
	}
	if p.Parked != nil && p.Parked.State != parked.Published {
		p.State = publicationState(p.Parked.State)
		if p.State == publicationHeld {
			if err := d.pool.QueryRow(ctx, behindSQL, p.Stream, event.Stream.String(), event.Position).Scan(&p.Behind); err != nil && !errors.Is(err, pgx.ErrNoRows) {
				return p, fmt.Errorf("look up what position %d is held behind: %w", event.Position, err)
			}
		}
		return p, nil
	}
	return p, d.findMessage(ctx, event, &p)
}

// findMessage looks the event's message up, and what it means that there is none.
func (d *Dashboard) findMessage(ctx context.Context, event contrail.Recorded, p *publication) error {
	stream, err := seek.Open(ctx, d.js, p.Stream, d.config.Prefix+".>")
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return d.notThere(ctx, event.Position, 0, p)
	}
	if err != nil {
		return err
	}
	var sequence uint64
	var reached contrail.Position
	if p.Parked != nil {
		sequence = p.Parked.Sequence
	}
	if sequence == 0 {
		if sequence, reached, err = stream.Position(ctx, event.Position); err != nil {
			return err
		}
	}
	message, found, err := stream.Event(ctx, sequence)
	switch {
	case err != nil:
		return err
	case message != nil && found.ID == event.ID:
		at := message.Time.UTC()
		p.State, p.Sequence, p.At, p.Subject, p.Resent = publicationPublished, message.Sequence, &at, message.Subject, found.Resent
		return nil
	case message == nil:
		return d.notThere(ctx, event.Position, reached, p)
	case message.Sequence <= stream.First:
		p.State = publicationGone
		return nil
	}
	p.State = publicationMissing
	return nil
}

// cursorSQL reads one row by its primary key.
const cursorSQL = `SELECT coalesce((SELECT position FROM contrail.relays WHERE stream = $1), 0)`

// notThere is for an event behind all that the stream has: the relay has not come to it, unless its cursor says that the stream was emptied since.
func (d *Dashboard) notThere(ctx context.Context, position, reached contrail.Position, p *publication) error {
	var cursor int64
	if err := d.pool.QueryRow(ctx, cursorSQL, p.Stream).Scan(&cursor); err != nil {
		return fmt.Errorf("look up how far the relay of %s is: %w", p.Stream, err)
	}
	if reached == 0 && cursor >= int64(position) {
		p.State = publicationGone
		return nil
	}
	p.State = publicationWaiting
	p.Ahead = max(0, int64(position)-max(cursor, int64(reached))-1)
	return nil
}
