package telemetry

import (
	"slices"

	"github.com/contrail-events/contrail/internal/picture"
	"github.com/contrail-events/contrail/publisher"
)

// teller takes one value of a figure.
type teller func(value float64, labels ...label)

// figure is a metric of the situation.
type figure struct {
	name, unit, help string
	merge            merge
	of               func(p picture.Picture, stream string, tell teller)
}

const unitEvents = "events" // a word, not an annotation: OpenTelemetry's rules leave {event} out of a name

// figures are all of them, in the order of docs/telemetry.md.
func figures() []figure {
	return slices.Concat(storeFigures(), relayFigures(), consumerFigures(), projectionFigures(), effectFigures(), []figure{
		{"contrail.up", "", "1 if the server answers and can serve this version, else 0.", least, func(p picture.Picture, _ string, tell teller) {
			tell(truth(p.Postgres.Up), label{"server", "postgres", true})
			tell(truth(p.NATS.Up), label{"server", "nats", true})
		}},
	})
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// ofStore tells one figure of the stream, where it is known.
func ofStore(value func(publisher.Status) float64) func(picture.Picture, string, teller) {
	return func(p picture.Picture, _ string, tell teller) {
		if p.Store != nil {
			tell(value(*p.Store), stream(p.Store.Stream))
		}
	}
}

func storeFigures() []figure {
	return []figure{
		{"contrail.position", "", "Position of the newest event that is committed.", least, ofStore(func(s publisher.Status) float64 { return float64(s.Position) })},
		{"contrail.horizon", "", "Position up to which everything is settled.", least, ofStore(func(s publisher.Status) float64 { return float64(s.Horizon) })},
		{
			"contrail.published.position", "", "Position of the last event that the stream has.", least,
			ofStore(func(s publisher.Status) float64 { return float64(s.PublishedPosition) }),
		},
		{"contrail.lag", unitEvents, "Events that are committed and not published.", sum, ofStore(func(s publisher.Status) float64 { return float64(s.LagEvents) })},
		{
			"contrail.lag.seconds", "s", "Age of the oldest event that is not published; 0 when there is none.", most,
			ofStore(func(s publisher.Status) float64 { return s.OldestUnpublishedSeconds }),
		},
	}
}
