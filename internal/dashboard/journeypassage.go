package dashboard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers/projections"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// passages is what is known of an event's ways through consumers and projections, before its place in the stream is.
type passages struct {
	subscriptions []subscriptions.Subscription
	inbox         map[string]inboxEntry // by consumer
	attempts      []journeyAttempt      // that were no success at first, in their order
	read          []projections.Projection
}

// inboxEntry is what the inbox of a consumer knows of an event.
type inboxEntry struct {
	consumer  string
	handledAt *time.Time // nil: so long ago that the time is not kept
	dead      bool       // it was given up, and became a dead letter
}

// passagesOf reads all of it side by side.
func (d *Dashboard) passagesOf(ctx context.Context, event contrail.Recorded, parts *unknownParts) *passages {
	p := &passages{}
	parts.read(ctx, "consumers", func(ctx context.Context) (err error) {
		p.subscriptions, err = subscriptions.List(ctx, d.js, d.config.Stream, d.config.DeadLetters)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			err = nil
		}
		return err
	})
	parts.read(ctx, "inbox", func(ctx context.Context) (err error) {
		p.inbox, err = d.readInbox(ctx, event.Position)
		return err
	})
	parts.read(ctx, "attempts", func(ctx context.Context) (err error) {
		p.attempts, err = d.readAttempts(ctx, event)
		return err
	})
	parts.read(ctx, "projections", func(ctx context.Context) (err error) {
		p.read, err = projections.List(ctx, d.pool)
		return err
	})
	return p
}

// The inbox has an event's row, or its bit in a page of old ones. Both are asked for each consumer that there is, by primary keys: the consumers are found by
// skipping from one to the next.
const inboxSQL = `WITH RECURSIVE rows AS (
		(SELECT consumer FROM contrail.inbox ORDER BY consumer LIMIT 1)
		UNION ALL SELECT (SELECT consumer FROM contrail.inbox WHERE consumer > rows.consumer ORDER BY consumer LIMIT 1) FROM rows WHERE consumer IS NOT NULL
	), pages AS (
		(SELECT consumer FROM contrail.inbox_pages ORDER BY consumer LIMIT 1)
		UNION ALL SELECT (SELECT consumer FROM contrail.inbox_pages WHERE consumer > pages.consumer ORDER BY consumer LIMIT 1) FROM pages WHERE consumer IS NOT NULL
	)
	SELECT i.consumer, i.handled_at, i.dead IS NOT NULL FROM rows JOIN contrail.inbox i ON i.consumer = rows.consumer AND i.position = $1
	UNION ALL
	SELECT p.consumer, NULL, false FROM pages JOIN contrail.inbox_pages p ON p.consumer = pages.consumer AND p.page = $1 >> 16
	WHERE get_bit(p.bits, ($1 & 65535)::int) = 1`

// readInbox asks the inboxes of this database. A subscriber may have its own elsewhere, of which nothing is known here.
func (d *Dashboard) readInbox(ctx context.Context, position contrail.Position) (map[string]inboxEntry, error) {
	rows, err := d.pool.Query(ctx, inboxSQL, int64(position))
	if err != nil {
		return nil, fmt.Errorf("read the inbox at position %d: %w", position, err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (inboxEntry, error) {
		var entry inboxEntry
		err := row.Scan(&entry.consumer, &entry.handledAt, &entry.dead)
		return entry, err //nolint:wrapcheck // it is wrapped below
	})
	if err != nil {
		return nil, fmt.Errorf("read the inbox at position %d: %w", position, err)
	}
	known := map[string]inboxEntry{}
	for _, entry := range found {
		if _, twice := known[entry.consumer]; !twice || entry.handledAt != nil {
			known[entry.consumer] = entry
		}
	}
	return known, nil
}

// projectionPassage is whether a projection has passed an event.
type projectionPassage struct {
	Name   string `json:"name"`
	Passed bool   `json:"passed"` // the event is in the read model, unless the projection leaves it aside
	Behind int64  `json:"behind"` // positions that it has yet to pass before it comes to the event, at most
	Paused bool   `json:"paused,omitempty"`
}

// projections are those that read the event.
func (p *passages) projections(subject string, position contrail.Position, published publication) []projectionPassage {
	var all []projectionPassage
	for _, one := range p.read {
		if one.Stream != "" && (one.Stream != published.Stream || !taken(one.Subjects, subject)) {
			continue
		}
		passage := projectionPassage{Name: one.Name, Passed: one.Position >= position, Paused: one.PausedAt != nil}
		if published.Resent != "" && published.Sequence > 0 { // it stands behind events with higher positions
			passage.Passed = one.Sequence >= published.Sequence
		}
		if !passage.Passed {
			passage.Behind = max(1, int64(position-one.Position))
		}
		all = append(all, passage)
	}
	return all
}

// taken tells whether subjects that somebody consumes take an event's; none: all are taken.
func taken(filters []string, subject string) bool {
	return len(filters) == 0 || slices.ContainsFunc(filters, func(filter string) bool { return subjectTaken(filter, subject) })
}

// subjectTaken tells whether a filter takes a subject, by the rules of NATS.
func subjectTaken(filter, subject string) bool {
	wanted, tokens := strings.Split(filter, "."), strings.Split(subject, ".")
	for i, want := range wanted {
		switch {
		case want == ">":
			return len(tokens) > i
		case i >= len(tokens), want != "*" && want != tokens[i]:
			return false
		}
	}
	return len(wanted) == len(tokens)
}
