package instrument

import (
	"strings"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// maxDescription bounds what a span tells of an error, in bytes.
const maxDescription = 4 << 10

// Fail has a span say what went wrong. An error may hold anything, also what an event has brought along: one that is not UTF-8 would cost
// the exporter every span that it sends together with this one.
func Fail(span trace.Span, description string) {
	if len(description) > maxDescription {
		description = description[:maxDescription] + "…"
	}
	span.SetStatus(codes.Error, Text(description))
}

// Text is what may be exported of a text.
func Text(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
