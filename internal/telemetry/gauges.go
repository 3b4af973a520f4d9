package telemetry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/contrail-events/contrail/internal/picture"
)

// Source reads the whole situation; *picture.Reader does.
type Source interface {
	Read(ctx context.Context) picture.Picture
}

// GaugesConfig of [NewGauges]. The zero value works.
type GaugesConfig struct {
	// Stream is the JetStream stream that the Source is about; "" means EVENTS.
	Stream string
	// Database is asked how many events were appended; nil: nobody tells.
	Database Querier
	// Every is for how long a picture is told before it is read again, whoever scrapes. Default: 10 s.
	Every time.Duration
}

// Gauges tell a picture as metrics: positions, lag, relays, consumers, projections, and what waits for a person. What can't be known is not told, and never zero.
// Make it with [NewGauges].
type Gauges struct {
	config       GaugesConfig
	looks        *looks
	names        *names
	instruments  []figureInstrument
	appended     metric.Int64ObservableCounter
	registration metric.Registration
}

// figureInstrument is a figure, and where it is told.
type figureInstrument struct {
	figure

	gauge metric.Float64ObservableGauge
}

// NewGauges tells what source reads to meter, from now until [Gauges.Close]. Nothing is read before somebody scrapes. When life ends, what is being read is cut short.
func NewGauges(life context.Context, meter metric.MeterProvider, source Source, cfg GaugesConfig) (*Gauges, error) {
	if cfg.Stream == "" {
		cfg.Stream = "EVENTS"
	}
	if cfg.Every <= 0 {
		cfg.Every = 10 * time.Second
	}
	g := &Gauges{config: cfg, looks: newLooks(life, source, cfg), names: newNames()}
	if err := g.register(meter.Meter("github.com/contrail-events/contrail/internal/telemetry")); err != nil {
		return nil, fmt.Errorf("tell the situation as metrics: %w", err)
	}
	return g, nil
}

func (g *Gauges) register(meter metric.Meter) error {
	var all []metric.Observable
	var faults []error
	for _, one := range figures() {
		gauge, err := meter.Float64ObservableGauge(one.name, metric.WithUnit(one.unit), metric.WithDescription(one.help))
		g.instruments, all, faults = append(g.instruments, figureInstrument{one, gauge}), append(all, gauge), append(faults, err)
	}
	var err error
	g.appended, err = meter.Int64ObservableCounter("contrail.appended", metric.WithUnit("events"),
		metric.WithDescription("Events that became settled in the store since the process began to look, whoever has appended them."))
	if err := errors.Join(append(faults, err)...); err != nil {
		return err
	}
	g.registration, err = meter.RegisterCallback(g.observe, append(all, g.appended)...)
	return err //nolint:wrapcheck // NewGauges wraps it
}

// observe tells what is known. That nothing is known is no error: the other figures of the process are told all the same.
func (g *Gauges) observe(ctx context.Context, to metric.Observer) error {
	seen, found := g.looks.latest(ctx)
	if !found {
		return nil
	}
	for _, one := range g.instruments {
		told := newSeries(g.names, one.merge)
		one.of(seen.picture, g.config.Stream, told.tell)
		for labels, value := range told.values {
			to.ObserveFloat64(one.gauge, value, metric.WithAttributeSet(attributesOf(labels)))
		}
	}
	if seen.appendedKnown {
		to.ObserveInt64(g.appended, seen.appended)
	}
	return nil
}

// attributesOf makes attributes of labels; the empty ones are none.
func attributesOf(labels [2]label) attribute.Set {
	var all []attribute.KeyValue
	for _, one := range labels {
		if one.key != "" {
			all = append(all, attribute.String(one.key, one.value))
		}
	}
	return attribute.NewSet(all...)
}

// Close tells no more, and waits until nothing is read any more.
func (g *Gauges) Close() error {
	err := g.registration.Unregister()
	g.looks.close()
	return wrap("stop telling the situation", err)
}
