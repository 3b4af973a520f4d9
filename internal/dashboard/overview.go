package dashboard

import (
	"context"
	"slices"
	"time"

	"github.com/contrail-events/contrail/internal/picture"
	"github.com/contrail-events/contrail/publisher/parked"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

const (
	overviewEvery = time.Second
	// stale is how old the sampler's picture may be. It is read again at once, where nobody samples.
	stale = 15 * time.Second
)

func (d *Dashboard) overviewPages() []page {
	return []page{
		{pattern: "/{$}", section: "/", title: "Overview", template: "overview.html", every: overviewEvery, read: d.readOverview},
		{pattern: "/series", section: "/", title: "Figures over time", template: "series.html", read: d.readSeries},
	}
}

// overview is what the page shows.
type overview struct {
	picture.Picture

	Rates  picture.Rates `json:"rates"`
	Series seriesView    `json:"-"`
}

// readOverview takes what the sampler has read, so that any number of people who look cost the database nothing more.
func (d *Dashboard) readOverview(ctx context.Context, r *request) (any, error) {
	series, err := r.series(d.sampler.Series())
	if err != nil {
		return nil, err
	}
	now, rates := d.sampler.Latest()
	if r.now.Sub(now.At) > stale {
		now = d.reader.Read(ctx)
	}
	return overview{now, rates, series}, nil
}

// Minutes are how far the charts go back.
func (o overview) Minutes() int { return o.Series.MinutesBack }

// Recent is behind the charts, for those who read tables.
func (o overview) Recent() []moment { return o.Series.Minutes() }

// Handled is what all consumers handle a second; nil: unknown.
func (o overview) Handled() *float64 {
	if o.Rates.Handled == nil {
		return nil
	}
	sum := 0.0
	for _, rate := range o.Rates.Handled {
		sum += rate
	}
	return &sum
}

// Slowest is the latency of the slowest consumer; nil: unknown.
func (o overview) Slowest() *picture.Percentiles {
	var slowest *picture.Percentiles
	for _, one := range o.Latency.Handle {
		if slowest == nil || one.P99 > slowest.P99 {
			slowest = &one
		}
	}
	return slowest
}

// Standbys is how many relays would take over.
func (o overview) Standbys() int {
	standbys := 0
	for _, relay := range o.Relays {
		if o.Store != nil && relay.Stream == o.Store.Stream && !relay.Gone && relay.State == "standby" {
			standbys++
		}
	}
	return standbys
}

// ParkedWaiting is what waits for a person, or behind what does.
func (o overview) ParkedWaiting() picture.Count {
	var all picture.Count
	for _, state := range []parked.State{parked.Parked, parked.Held, parked.Requeued} {
		all.N += o.Parked[state].N
		all.AtLeast = all.AtLeast || o.Parked[state].AtLeast
	}
	return all
}

// AllLetters is how many dead letters wait for a person.
func (o overview) AllLetters() int64 {
	var all int64
	for _, letters := range o.DeadLetters {
		all += letters
	}
	return all
}

// LettersKnown tells whether they could be counted.
func (o overview) LettersKnown() bool { return o.DeadLetters != nil }

// consumerFigures are those of a subscription, on one line.
type consumerFigures struct {
	subscriptions.Subscription

	Rate    *float64
	Latency *picture.Percentiles
}

// Consumers are the subscriptions, by name.
func (o overview) Consumers() []consumerFigures {
	figures := make([]consumerFigures, 0, len(o.Subscriptions))
	for _, one := range o.Subscriptions {
		line := consumerFigures{Subscription: one}
		if rate, known := o.Rates.Handled[one.Durable]; known {
			line.Rate = &rate
		}
		if latency, known := o.Latency.Handle[one.Durable]; known {
			line.Latency = &latency
		}
		figures = append(figures, line)
	}
	slices.SortStableFunc(figures, func(a, b consumerFigures) int {
		switch {
		case a.Durable < b.Durable:
			return -1
		case a.Durable > b.Durable:
			return 1
		}
		return 0
	})
	return figures
}
