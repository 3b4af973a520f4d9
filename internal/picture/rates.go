package picture

import (
	"time"
)

// Rates are what happens a second, between the last two pictures that tell. A rate is nil, or absent, where nothing is known: before the second picture, or
// while a server can't be asked. It is zero, never negative, where a position has gone back, as after a restore.
type Rates struct {
	// Appended is about events: positions that were drawn by transactions that have been rolled back count, too.
	Appended *float64 `json:"appended_events_per_second"`
	// Published is about messages of the stream.
	Published *float64 `json:"published_events_per_second"`
	// Handled is about deliveries that were answered, whatever the answer, by consumer.
	Handled map[string]float64 `json:"handled_events_per_second"`
}

// RatesBetween are those between two pictures of one reader.
func RatesBetween(before, now Picture) Rates { return ratesBetween(sampleOf(before), sampleOf(now)) }

// sample is what rates are reckoned from. A time that is zero: not known.
type sample struct {
	appended, published reading
	answered            map[string]reading
}

// reading is a figure that grows, and when it was read.
type reading struct {
	at    time.Time
	value uint64
}

func sampleOf(p Picture) sample {
	s := sample{answered: map[string]reading{}}
	if p.Store != nil {
		s.appended = reading{p.At, uint64(max(p.Store.Position, 0))}
		s.published = reading{p.At, p.Store.Sequence}
	}
	for _, one := range p.Subscriptions {
		s.answered[one.Durable] = reading{p.At, one.Answered}
	}
	return s
}

// orAsBefore keeps what is not known as it was, so that a rate spans the time for which a server was away.
func (s sample) orAsBefore(before sample) sample {
	if s.appended.at.IsZero() {
		s.appended, s.published = before.appended, before.published
	}
	if len(s.answered) == 0 {
		s.answered = before.answered
	}
	return s
}

func ratesBetween(before, now sample) Rates {
	rates := Rates{Appended: rate(before.appended, now.appended), Published: rate(before.published, now.published)}
	for durable, one := range now.answered {
		if handled := rate(before.answered[durable], one); handled != nil {
			if rates.Handled == nil {
				rates.Handled = map[string]float64{}
			}
			rates.Handled[durable] = *handled
		}
	}
	return rates
}

// rate is nil where either is not known.
func rate(before, now reading) *float64 {
	seconds := now.at.Sub(before.at).Seconds()
	if before.at.IsZero() || now.at.IsZero() || seconds <= 0 {
		return nil
	}
	grown := 0.0
	if now.value > before.value {
		grown = float64(now.value - before.value)
	}
	grown /= seconds
	return &grown
}
