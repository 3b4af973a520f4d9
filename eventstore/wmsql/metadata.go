package wmsql

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/contrail-events/contrail"
)

// storedMetadata is a message's metadata as an event can have it, with what its context adds to it.
func storedMetadata(msg *message.Message) (contrail.Metadata, error) {
	stored, folded := contrail.Metadata{}, map[string]string{}
	taken := takenAttributes()
	for _, key := range slices.Sorted(maps.Keys(msg.Metadata)) {
		value, attribute := msg.Metadata[key], contrail.Attribute(key)
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			return nil, &contrail.InvalidError{What: "metadata key", Value: key, Reason: "or its value is not UTF-8"}
		}
		switch {
		case isOwn(key):
		case taken[attribute] || (contrail.Metadata{key: value}).Validate() != nil:
			folded[key] = value
		default:
			stored[key], taken[attribute] = value, true
		}
	}
	surround(msg.Context(), stored, taken)
	if len(folded) == 0 {
		return stored, nil
	}
	text, err := json.Marshal(folded)
	if err != nil {
		return nil, fmt.Errorf("marshal metadata: %w", err)
	}
	stored[keyFolded] = string(text)
	return stored, nil
}

// takenAttributes are those that no key of a message's may become: this package's own, and the one that would make an event pass for an
// encrypted one.
func takenAttributes() map[string]bool {
	taken := map[string]bool{}
	for _, key := range []string{keyUUID, keyFolded, keyPayload, contrail.KeySealedWith} {
		taken[contrail.Attribute(key)] = true
	}
	return taken
}

// surround adds what ctx knows of who publishes, for whom and why, as the event store does at an append. A trace context is taken as a whole
// or not at all.
func surround(ctx context.Context, stored contrail.Metadata, taken map[string]bool) {
	around := contrail.MetadataFrom(ctx)
	if trace.SpanContextFromContext(ctx).IsValid() {
		delete(around, contrail.KeyTracestate) // belongs to the traceparent that is replaced
		propagation.TraceContext{}.Inject(ctx, propagation.MapCarrier(around))
	}
	if stored[contrail.KeyTraceparent] != "" {
		delete(around, contrail.KeyTracestate)
	}
	for _, key := range slices.Sorted(maps.Keys(around)) {
		if attribute := contrail.Attribute(key); !taken[attribute] {
			stored[key], taken[attribute] = around[key], true
		}
	}
}

// checkText returns an [*contrail.InvalidError] for what PostgreSQL can't hold as text.
func checkText(what, text string) error {
	switch {
	case !utf8.ValidString(text):
		return &contrail.InvalidError{What: what, Value: text, Reason: "is not UTF-8"}
	case strings.ContainsRune(text, 0):
		return &contrail.InvalidError{What: what, Value: text, Reason: "has a NUL, which PostgreSQL cannot hold"}
	}
	return nil
}
