package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Telemetry is what one process tells. All methods may be called at once; nil tells nothing.
type Telemetry struct {
	config   Config
	registry *prometheus.Registry
	tracer   *sdktrace.TracerProvider // nil: no traces
	meter    *sdkmetric.MeterProvider // nil: no metrics
	health   *Health
	server   *server // nil: it does not listen
}

// Start makes the providers and listens. The error names every faulty field, an exporter that does not exist, or an address that is taken; nothing is left behind then.
// Whether a collector can be reached is not asked. When ctx ends the process is not ready any more; all else goes on until [Telemetry.Shutdown], which the caller owes.
func Start(ctx context.Context, cfg Config) (*Telemetry, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	t := &Telemetry{config: cfg, health: newHealth(ctx)}
	if err := t.start(ctx); err != nil {
		return nil, errors.Join(err, t.Shutdown(ctx))
	}
	return t, nil
}

func (t *Telemetry) start(ctx context.Context) error {
	out, err := parseExports(t.config.Getenv)
	if err != nil {
		return err
	}
	if out == (exports{}) && t.config.Listen == "" {
		return nil
	}
	heed(t.config.Logger)
	of, err := newResource(ctx, t.config)
	if err != nil {
		return err
	}
	if out.traces {
		if t.tracer, err = newTracer(ctx, of); err != nil {
			return err
		}
	}
	if t.config.Listen != "" {
		if t.registry, err = newRegistry(t.config); err != nil {
			return err
		}
	}
	if t.registry != nil || out.metrics {
		if t.meter, err = newMeter(ctx, of, t.registry, out.metrics); err != nil {
			return err
		}
	}
	if t.registry == nil {
		return nil
	}
	t.server, err = listen(ctx, t)
	return err
}

// Tracer is for the Tracer fields of the library's Configs; nil when no traces are exported.
func (t *Telemetry) Tracer() trace.TracerProvider {
	if t == nil || t.tracer == nil {
		return nil
	}
	return t.tracer
}

// Meter is for the Meter fields of the library's Configs; nil when no metrics are told.
func (t *Telemetry) Meter() metric.MeterProvider {
	if t == nil || t.meter == nil {
		return nil
	}
	return t.meter
}

// Health takes the process's checks.
func (t *Telemetry) Health() *Health {
	if t == nil {
		return nil
	}
	return t.health
}

// Addr is where it listens; nil when it does not.
func (t *Telemetry) Addr() net.Addr {
	if t == nil || t.server == nil {
		return nil
	}
	return t.server.listener.Addr()
}

// Shutdown exports what is left, and ends the listening, within Config.ShutdownTimeout, also when ctx has ended. The error tells what did not get out.
// Calling it again does nothing.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.config.ShutdownTimeout)
	defer cancel()
	var tracerErr, meterErr, serverErr error
	if t.tracer != nil {
		tracerErr = wrap("export the last traces", t.tracer.Shutdown(ctx))
	}
	if t.meter != nil {
		if err := t.meter.Shutdown(ctx); !errors.Is(err, sdkmetric.ErrReaderShutdown) {
			meterErr = wrap("export the last metrics", err)
		}
	}
	if t.server != nil {
		serverErr = wrap("stop telling telemetry", t.server.shutdown(ctx))
	}
	return errors.Join(tracerErr, meterErr, serverErr)
}

func wrap(operation string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", operation, err)
}
