// Package oteltest records what code under test tells OpenTelemetry: spans and figures, in memory.
package oteltest
