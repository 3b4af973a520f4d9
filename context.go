package contrail

import (
	"context"
	"maps"
)

// surroundings is a ctx's metadata, made when it is asked for: most handlers append nothing.
type surroundings func() Metadata

type surroundingsKey struct{}

// WithMetadata returns a ctx in which every append adds metadata to events that do not carry those keys themselves: who acts, for which
// tenant, in which request. Values in ctx already are kept where metadata does not name the same key. [KeySchemaVersion] and [KeySealedWith]
// describe one event's data, and are not added to another.
func WithMetadata(ctx context.Context, metadata Metadata) context.Context {
	own := maps.Clone(metadata)
	return context.WithValue(ctx, surroundingsKey{}, surroundings(func() Metadata {
		merged := MetadataFrom(ctx)
		maps.Copy(merged, own)
		return merged
	}))
}

// MetadataFrom returns a copy of what [WithMetadata] and [CausedBy] have put into ctx, never nil.
func MetadataFrom(ctx context.Context) Metadata {
	if found, ok := ctx.Value(surroundingsKey{}).(surroundings); ok {
		return found()
	}
	return Metadata{}
}

// CausedBy returns a ctx for what an event sets off: what is appended with it has the event's id as causation, and its correlation, tenant,
// user and trace context. An event without a correlation begins one, with its own id. Handlers are called with such a ctx.
func CausedBy(ctx context.Context, event Recorded) context.Context {
	id, keys := event.ID, [...]string{KeyCorrelationID, KeyTenantID, KeyUserID, KeyTraceparent, KeyTracestate}
	var values [len(keys)]string // as they are now: the event's metadata is the caller's to change
	for i, key := range keys {
		values[i] = event.Metadata[key]
	}
	return context.WithValue(ctx, surroundingsKey{}, surroundings(func() Metadata {
		merged := MetadataFrom(ctx)
		merged[KeyCausationID] = id.String()
		merged[KeyCorrelationID] = id.String()
		for i, key := range keys {
			if key == KeyTraceparent && values[i] != "" {
				delete(merged, KeyTracestate) // belongs to the traceparent that is replaced
			}
			if values[i] != "" {
				merged[key] = values[i]
			}
		}
		return merged
	}))
}
