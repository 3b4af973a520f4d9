// Package telemetry is what a process of the binary tells the outside: traces and metrics, by the standard OTEL_* variables, and one listener with /metrics for
// Prometheus, /healthz and /readyz for whoever restarts the process or sends it work.
//
// [Start] makes the providers that the library's Configs take as Tracer and Meter, and listens. [Telemetry.Health] takes the checks that the process registers:
// of its loops, which are asked whether they make progress, and of the servers that it needs. [Gauges] tell the whole situation, as internal/picture reads it.
package telemetry
