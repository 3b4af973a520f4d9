package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/internal/invoicing"
)

// Defaults of a Config.
const (
	DefaultMaxBodyBytes   = 1 << 20 // 300 lines of the longest descriptions, each character escaped
	DefaultMaxHeaderBytes = 32 << 10
	DefaultMaxRequests    = 256
	DefaultRequestTimeout = 15 * time.Second
	DefaultBodyTimeout    = 10 * time.Second
)

// Config of an API.
type Config struct {
	Services invoicing.Services // required: all three
	Reader   Reader             // required

	// Clock is that of the services. Nil: time.Now.
	Clock domain.Clock

	// Ready is what /readyz asks: nil when requests can be served. It is given two seconds. Nil: always ready.
	Ready func(ctx context.Context) error

	// Unavailable tells errors that mean "the database is away" (503) from faults of the service (500). Nil: none does.
	Unavailable func(err error) bool

	// Logger takes what went wrong (error), and every request (debug). Nil: nothing is logged.
	Logger *slog.Logger

	// TracerProvider makes a span of each request. Nil: none is made, and the trace context that a request brings goes into the events as it came.
	TracerProvider trace.TracerProvider

	Version string // of the program, for the OpenAPI document; "": dev

	MaxBodyBytes   int64         // of a request's body; a longer one is refused; 0: DefaultMaxBodyBytes
	MaxHeaderBytes int           // of all of a request's header fields; 0: DefaultMaxHeaderBytes
	MaxRequests    int           // at work at a time, at most half of them with ?at_least, and four times as many arriving; more are refused, none waits; 0: DefaultMaxRequests
	RequestTimeout time.Duration // how long the work on one request may take; 0: DefaultRequestTimeout
	BodyTimeout    time.Duration // how long a body may take to arrive; 0: DefaultBodyTimeout
}

func (c Config) withDefaults() Config {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Ready == nil {
		c.Ready = func(context.Context) error { return nil }
	}
	if c.Unavailable == nil {
		c.Unavailable = func(error) bool { return false }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Version == "" {
		c.Version = "dev"
	}
	c.MaxBodyBytes = orDefault(c.MaxBodyBytes, DefaultMaxBodyBytes)
	c.MaxHeaderBytes = orDefault(c.MaxHeaderBytes, DefaultMaxHeaderBytes)
	c.MaxRequests = orDefault(c.MaxRequests, DefaultMaxRequests)
	c.RequestTimeout = orDefault(c.RequestTimeout, DefaultRequestTimeout)
	c.BodyTimeout = orDefault(c.BodyTimeout, DefaultBodyTimeout)
	return c
}

func orDefault[T int | int64 | time.Duration](value, fallback T) T {
	if value == 0 {
		return fallback
	}
	return value
}

// validate reports every fault at once.
func (c Config) validate() error {
	var faults []error
	if c.Services.Organisations == nil || c.Services.Contacts == nil || c.Services.Invoices == nil {
		faults = append(faults, errors.New("Config.Services lacks a service: pass what invoicing.NewServices returns"))
	}
	if c.Reader == nil || reflect.ValueOf(c.Reader).IsZero() {
		faults = append(faults, errors.New("Config.Reader is nil: pass what invoicing.NewReader returns"))
	}
	faults = append(faults,
		atLeast("Config.MaxBodyBytes", c.MaxBodyBytes, 1), atLeast("Config.MaxHeaderBytes", c.MaxHeaderBytes, 1), atLeast("Config.MaxRequests", c.MaxRequests, 1),
		atLeast("Config.RequestTimeout", c.RequestTimeout, time.Millisecond), atLeast("Config.BodyTimeout", c.BodyTimeout, time.Millisecond))
	return errors.Join(faults...)
}

func atLeast[T int | int64 | time.Duration](field string, value, least T) error {
	if value == 0 || value >= least {
		return nil
	}
	return fmt.Errorf("%s is %v: give %v or more, or 0 for the default", field, value, least)
}
