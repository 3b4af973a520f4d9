package dashboard

import (
	"context"
	"slices"
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers/deliveries"
	"github.com/contrail-events/contrail/subscribers/webhook"
)

// journey is what became of an event, from the store to whoever it concerns.
type journey struct {
	Sentence    string              `json:"sentence"` // where it stands
	AppendedAt  time.Time           `json:"appended_at"`
	Settled     bool                `json:"settled"` // every position up to its own is committed or gone
	Published   publication         `json:"published"`
	Consumers   []consumerPassage   `json:"consumers,omitempty"`
	Projections []projectionPassage `json:"projections,omitempty"`
	Deliveries  []deliveries.Record `json:"deliveries,omitempty"`
	MoreToSend  bool                `json:"more_deliveries,omitempty"` // than are shown
	Runs        []journeyRun        `json:"runs,omitempty"`
}

// readJourney reads all parts side by side; those that depend on where the event stands in its stream come after that. What can't be read is noted in unknown.
func (d *Dashboard) readJourney(ctx context.Context, event contrail.Recorded, unknown *unknownParts) journey {
	j := journey{AppendedAt: event.RecordedAt}
	var parts unknownParts
	parts.read(ctx, "horizon", func(ctx context.Context) (err error) {
		j.Settled, err = d.readSettled(ctx, event.Position)
		return err
	})
	parts.read(ctx, "deliveries", func(ctx context.Context) (err error) {
		j.Deliveries, j.MoreToSend, err = d.readEventDeliveries(ctx, event)
		return err
	})
	parts.read(ctx, "runs", func(ctx context.Context) (err error) {
		j.Runs, err = d.readEventRuns(ctx, event)
		return err
	})
	parts.read(ctx, "publication", func(ctx context.Context) (err error) {
		j.Published, err = d.readPublication(ctx, event)
		return err
	})
	passages := d.passagesOf(ctx, event, &parts)
	for _, fault := range parts.wait() {
		unknown.noteText(fault.What, fault.Error)
	}
	subject := j.Published.Subject
	j.Consumers = passages.consumers(subject, j.Published)
	j.Projections = passages.projections(subject, event.Position, j.Published)
	if slices.ContainsFunc(j.Consumers, func(one consumerPassage) bool { return one.mayHaveLetter() }) {
		var letters unknownParts
		letters.read(ctx, "dead letters", func(ctx context.Context) error { return d.readEventLetters(ctx, event, j.Published, j.Consumers) })
		for _, fault := range letters.wait() {
			unknown.noteText(fault.What, fault.Error)
		}
	}
	return j
}

// noteText keeps what could not be read.
func (p *unknownParts) noteText(what, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unknown = append(p.unknown, unknownPart{what, text})
}

// readSettled tells whether the horizon has passed a position.
func (d *Dashboard) readSettled(ctx context.Context, position contrail.Position) (settled bool, err error) {
	err = d.pool.QueryRow(ctx, `SELECT contrail.horizon() >= $1`, int64(position)).Scan(&settled)
	return settled, err //nolint:wrapcheck // it is told as what it is about
}

const deliveriesShown = 100 // of one event

// readEventDeliveries reads what was planned of an event. It walks the index on the event.
func (d *Dashboard) readEventDeliveries(ctx context.Context, event contrail.Recorded) (all []deliveries.Record, more bool, err error) {
	filter := deliveries.Filter{Event: event.ID, OldestFirst: true, Limit: deliveriesShown + 1}
	for one, err := range deliveries.List(ctx, d.pool, filter) {
		if err != nil {
			return nil, false, err
		}
		all = append(all, one)
	}
	return all[:min(len(all), deliveriesShown)], len(all) > deliveriesShown, nil
}

// Webhook tells whether a delivery goes to an endpoint, whose id is the recipient.
func (journey) Webhook(one deliveries.Record) bool { return one.Channel == webhook.Channel }
