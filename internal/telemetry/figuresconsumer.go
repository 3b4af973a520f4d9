package telemetry

import (
	"github.com/contrail-events/contrail/internal/picture"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

func durable(name string) label    { return label{key: "durable", value: name} }
func consumer(name string) label   { return label{key: "consumer", value: name} }
func projection(name string) label { return label{key: "projection", value: name} }
func workflow(name string) label   { return label{key: "workflow", value: name} }

// ofConsumers tells one figure of each subscription.
func ofConsumers(value func(subscriptions.Subscription) float64) func(picture.Picture, string, teller) {
	return func(p picture.Picture, _ string, tell teller) {
		for _, one := range p.Subscriptions {
			tell(value(one), stream(one.Stream), durable(one.Durable))
		}
	}
}

func consumerFigures() []figure {
	return []figure{
		{
			"contrail.consumer.lag", unitEvents, "Events that a subscription has not settled: those to come, and those in hand.", sum,
			ofConsumers(func(s subscriptions.Subscription) float64 { return float64(s.Lag) }),
		},
		{
			"contrail.consumer.in_hand", unitEvents, "Events delivered and not answered: being handled, or waiting for their retry.", sum,
			ofConsumers(func(s subscriptions.Subscription) float64 { return float64(s.InHand) }),
		},
		{
			"contrail.consumer.redelivered", unitEvents, "Events in hand that were delivered more than once.", sum,
			ofConsumers(func(s subscriptions.Subscription) float64 { return float64(s.Redelivered) }),
		},
		{
			"contrail.consumer.ack_floor.sequence", "", "Sequence in the stream up to which everything is settled.", least,
			ofConsumers(func(s subscriptions.Subscription) float64 { return float64(s.AckFloor.Sequence) }),
		},
		{"contrail.dead_letters", "", "Dead letters that wait for a person.", sum, lettersFigure},
		{"contrail.inbox.rows", "", "Rows of a consumer's inbox that are not folded; an estimate above 10,000.", sum, func(p picture.Picture, _ string, tell teller) {
			for name, rows := range p.InboxRows {
				tell(float64(rows), consumer(name))
			}
		}},
	}
}

// lettersFigure tells of a subscription without dead letters that it has none.
func lettersFigure(p picture.Picture, _ string, tell teller) {
	if p.DeadLetters == nil {
		return
	}
	for _, one := range p.Subscriptions {
		if p.DeadLetters[one.Durable] == 0 {
			tell(0, durable(one.Durable))
		}
	}
	for name, waiting := range p.DeadLetters {
		tell(float64(waiting), durable(name))
	}
}

func projectionFigures() []figure {
	return []figure{
		{"contrail.projection.lag", unitEvents, "Events of its stream that a projection has yet to read.", sum, func(p picture.Picture, _ string, tell teller) {
			for _, one := range p.Projections {
				if one.Lag != nil {
					tell(float64(*one.Lag), projection(one.Name))
				}
			}
		}},
		{"contrail.projection.position", "", "Position that a projection has come to.", least, func(p picture.Picture, _ string, tell teller) {
			for _, one := range p.Projections {
				tell(float64(one.Position), projection(one.Name))
			}
		}},
		{"contrail.projection.paused", "", "1 if a person has paused the projection, else 0.", most, func(p picture.Picture, _ string, tell teller) {
			for _, one := range p.Projections {
				tell(truth(one.PausedAt != nil), projection(one.Name))
			}
		}},
	}
}

func effectFigures() []figure {
	return []figure{
		{"contrail.deliveries", "", "Deliveries in the ledgers, by state; each counted up to a bound.", sum, func(p picture.Picture, _ string, tell teller) {
			for _, ledger := range p.Deliveries {
				for name, n := range ledger.States {
					tell(float64(n.N), consumer(ledger.Consumer), state(string(name)))
				}
			}
		}},
		{"contrail.runs", "", "Runs of workflows, by state; each counted up to a bound.", sum, func(p picture.Picture, _ string, tell teller) {
			for _, one := range p.Runs {
				for name, n := range one.States {
					tell(float64(n.N), workflow(one.Workflow), state(string(name)))
				}
			}
		}},
		{"contrail.webhooks", "", "Endpoints that events are posted to, by state.", sum, func(p picture.Picture, _ string, tell teller) {
			if p.Webhooks == nil {
				return
			}
			tell(float64(p.Webhooks.Enabled), state("enabled"))
			tell(float64(p.Webhooks.Open), state("open"))
			tell(float64(p.Webhooks.Disabled), state("disabled"))
		}},
	}
}
