package instrument

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
)

// UnitEvents ends the name of a figure that counts events: contrail.published becomes contrail_published_events_total.
const UnitEvents = "events"

// Maker makes the instruments of one package, and keeps what goes wrong for [Maker.Err].
type Maker struct {
	meter  metric.Meter
	faults []error
}

// NewMaker returns a maker for the package of that path. Of a nil provider its instruments measure nothing.
func NewMaker(provider metric.MeterProvider, path string) *Maker {
	if provider == nil {
		provider = noop.NewMeterProvider()
	}
	return &Maker{meter: provider.Meter(path)}
}

// Err returns what was wrong with any instrument.
func (m *Maker) Err() error {
	if err := errors.Join(m.faults...); err != nil {
		return fmt.Errorf("make instruments: %w", err)
	}
	return nil
}

// Counter counts what only grows.
func (m *Maker) Counter(name, unit, description string) metric.Int64Counter {
	counter, err := m.meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
	return keep(m, counter, err)
}

// Gauge tells what is now; it has no unit.
func (m *Maker) Gauge(name, description string) metric.Int64Gauge {
	gauge, err := m.meter.Int64Gauge(name, metric.WithDescription(description))
	return keep(m, gauge, err)
}

// Seconds is a histogram of lengths of time, from a millisecond to ten minutes: an event may be handled at once, or wait for a server.
func (m *Maker) Seconds(name, description string) metric.Float64Histogram {
	histogram, err := m.meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description), metric.WithExplicitBucketBoundaries(
		.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 600))
	return keep(m, histogram, err)
}

// Sizes is a histogram of numbers of events, from 1 to 4096.
func (m *Maker) Sizes(name, description string) metric.Int64Histogram {
	histogram, err := m.meter.Int64Histogram(name, metric.WithUnit(UnitEvents), metric.WithDescription(description), metric.WithExplicitBucketBoundaries(
		1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 4096))
	return keep(m, histogram, err)
}

func keep[T any](m *Maker, instrument T, err error) T {
	if err != nil {
		m.faults = append(m.faults, err)
	}
	return instrument
}
