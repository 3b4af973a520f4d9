package telemetry

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"
)

// Config of what a process tells. Only Service is required; the zero value of the rest tells nothing.
type Config struct {
	// Service is what the process calls itself, as in contrail-relay. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES outrank it.
	Service string

	// Version of the program; "": unknown.
	Version string

	// Listen is where /metrics, /healthz and /readyz are served, as host:port; port 0 is any free one. "": nowhere.
	Listen string

	// Getenv looks up the standard variables that say whether traces and metrics are exported (OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER,
	// OTEL_METRICS_EXPORTER, OTEL_EXPORTER_OTLP_ENDPOINT and those of one signal). Nil: neither is. Once one is, OpenTelemetry's own packages read the process's
	// environment for the rest.
	Getenv func(name string) string

	// ShutdownTimeout bounds what [Telemetry.Shutdown] waits for. Default: 5 s.
	ShutdownTimeout time.Duration

	// Logger is told where the process listens (info), and what exporters complain of (warn, at most once in 10 s). Nil: nothing is logged.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Getenv == nil {
		c.Getenv = func(string) string { return "" }
	}
	if c.ShutdownTimeout == 0 {
		c.ShutdownTimeout = 5 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// validate reports every fault at once.
func (c Config) validate() error {
	var faults []error
	if c.Service == "" {
		faults = append(faults, errors.New("telemetry.Config: Service is required"))
	}
	if _, _, err := net.SplitHostPort(c.Listen); c.Listen != "" && err != nil {
		faults = append(faults, fmt.Errorf("telemetry.Config: Listen is %q, must be host:port", c.Listen))
	}
	if c.ShutdownTimeout < 0 {
		faults = append(faults, fmt.Errorf("telemetry.Config: ShutdownTimeout is %s, must not be negative", c.ShutdownTimeout))
	}
	return errors.Join(faults...)
}
