package dashboard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/internal/picture"
	"github.com/contrail-events/contrail/subscribers/projections"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// consumerPages are those about subscriptions and projections.
func (d *Dashboard) consumerPages() []page {
	const section = "/consumers"
	return []page{
		{pattern: "/consumers", section: section, title: "Consumers and projections", template: "consumers.html", every: 2 * time.Second, read: d.readConsumers},
		{pattern: "/consumers/{durable}", section: section, title: "Consumer", template: "consumer.html", every: 2 * time.Second, read: d.readConsumer},
		{pattern: "/consumers/{durable}/reset", section: section, title: "Reset a consumer", template: "consumerreset.html", read: d.readReset},
		{pattern: "/consumers/{durable}/replay", section: section, title: "Replay events", template: "consumerreplay.html", read: d.readReplay},
		{pattern: "/projections/{name}", section: section, title: "Projection", template: "projection.html", every: time.Second, read: d.readProjection},
	}
}

// consumersView is what the list of consumers and projections shows.
type consumersView struct {
	Subscriptions []consumerLine   `json:"subscriptions"`
	Projections   []projectionLine `json:"projections"`
	Missing       bool             `json:"-"`               // the stream of events is not there
	Error         string           `json:"error,omitempty"` // why the subscriptions can't be read; the projections are told all the same
}

// consumerLine is a subscription, and what it does.
type consumerLine struct {
	subscriptions.Subscription

	Does      string `json:"does"`
	InboxRows *int64 `json:"inbox_rows"` // about; nil: unknown, or it has no inbox in this database
}

// projectionLine is a projection, what it does, and how far it is behind.
type projectionLine struct {
	projections.Projection

	Does string  `json:"does"`
	Lag  *uint64 `json:"lag"` // messages of its stream; nil: unknown
}

func (d *Dashboard) readConsumers(ctx context.Context, _ *request) (any, error) {
	all, err := projections.List(ctx, d.pool)
	if err != nil {
		return nil, err
	}
	view := consumersView{Subscriptions: []consumerLine{}, Projections: []projectionLine{}}
	for _, one := range all {
		view.Projections = append(view.Projections, d.projectionLine(ctx, one))
	}
	subscribed, err := subscriptions.List(ctx, d.js, d.config.Stream, d.config.DeadLetters)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		view.Missing = true
	case err != nil:
		view.Error = err.Error()
	}
	latest, _ := d.sampler.Latest()
	for _, one := range subscribed {
		view.Subscriptions = append(view.Subscriptions, d.consumerLine(one, latest))
	}
	return view, nil
}

func (d *Dashboard) consumerLine(s subscriptions.Subscription, latest picture.Picture) consumerLine {
	line := consumerLine{Subscription: s, Does: consumerDoes(s)}
	if rows, known := latest.InboxRows[d.name(s.Durable).String()]; known {
		line.InboxRows = &rows
	}
	return line
}

// name is that of a subscription of the dashboard's stream.
func (d *Dashboard) name(durable string) subscriptions.Name {
	return subscriptions.Name{Durable: durable, Stream: d.config.Stream, DeadLetters: d.config.DeadLetters}
}

// consumerDoes is what a subscription does, by what the broker can tell.
func consumerDoes(s subscriptions.Subscription) string {
	switch {
	case s.PausedUntil != nil:
		return "paused"
	case s.Division != nil && slices.ContainsFunc(s.Division.Partitions, func(p subscriptions.Partition) bool { return p.PausedUntil != nil }):
		return "paused in part"
	case s.Waiting == 0 && s.InHand == 0:
		return "nobody is there"
	case s.Lag > 0:
		return "busy"
	}
	return "idle"
}

// Forever tells whether it is paused until somebody resumes it.
func (l consumerLine) Forever() bool {
	return l.PausedUntil != nil && !l.PausedUntil.Before(subscriptions.Forever())
}

// Paused tells whether it is paused, as a whole or in part.
func (l consumerLine) Paused() bool { return strings.HasPrefix(l.Does, "paused") }

// Place is where in the stream, in words.
func (l consumerLine) Place(place subscriptions.Place) string {
	switch {
	case place.Sequence == 0:
		return "nothing"
	case place.Position == 0:
		return fmt.Sprintf("message %d", place.Sequence)
	}
	return fmt.Sprintf("position %d", place.Position)
}

// Advice is what to do about it; "" where nothing is wrong.
func (l consumerLine) Advice() string {
	switch {
	case l.Does == "nobody is there" && l.Lag > 0:
		return "No process asks for its events, and some wait. Start the subscription's program."
	case l.MaxAckPending > 0 && l.Division == nil && l.InHand >= l.MaxAckPending:
		return "As many events are in hand as may be (max_ack_pending), so that it gets no others: look for one that fails again and again, or raise the bound."
	case l.MaxDeliver < 0:
		return "Its events are delivered without end: one that always fails never becomes a dead letter. Set a bound (max_deliver)."
	case l.DeadLetters > 0:
		return "Some of its events could not be handled: look at its dead letters."
	}
	return ""
}

func (d *Dashboard) projectionLine(ctx context.Context, p projections.Projection) projectionLine {
	line := projectionLine{Projection: p, Does: projectionDoes(p)}
	if p.Stream == "" {
		return line
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if lag, err := projections.Lag(ctx, d.js, p); err == nil { // else it is told as unknown
		line.Lag = &lag
	}
	return line
}

// projectionDoes is what a projection does.
func projectionDoes(p projections.Projection) string {
	switch {
	case p.PausedAt != nil:
		return "paused"
	case p.Active == nil:
		return "nobody is there"
	case p.Rebuild != nil && !p.Rebuild.Over():
		return "rebuilding"
	}
	return "running"
}

// errConsumer says that a subscription is not there in the words of the dashboard.
func errConsumer(err error, durable string) error {
	if errors.Is(err, subscriptions.ErrNotFound) {
		return errNotFound("consumer " + durable)
	}
	return err
}
