// Package instrument makes what the library's packages tell of themselves through OpenTelemetry: instruments for figures, and the links between the
// traces of events. It knows the API only, never the SDK, and nothing global.
package instrument
