package wire

import (
	"strings"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
)

// Names by default.
const (
	DefaultStream      = "EVENTS"      // the JetStream stream
	DefaultPrefix      = "events"      // the first token of its subjects
	DefaultDeadLetters = "DEADLETTERS" // the JetStream stream of dead letters
	DeadLetterPrefix   = "deadletters" // the first token of its subjects
)

// Headers of a message.
const (
	HeaderMsgID       = "Nats-Msg-Id"                 // the event's id: the broker's deduplication
	HeaderFence       = "Nats-Expected-Last-Sequence" // the sequence that the broker must be at
	HeaderContentType = "content-type"
	HeaderTraceparent = "traceparent"

	ContentType = "application/cloudevents+json"
)

// Subject is the one that an event is published on: prefix.category.id.type.
func Subject(prefix string, event contrail.Recorded) string {
	return prefix + "." + event.Stream.Category() + "." + event.Stream.ID() + "." + event.Type
}

// ValidatePrefix returns a [*contrail.InvalidError] unless prefix is one or more subject tokens that stand for themselves.
func ValidatePrefix(prefix string) error {
	for token := range strings.SplitSeq(prefix, ".") {
		if token == "" || strings.ContainsAny(token, "*> \t\r\n\f\x00") || strings.HasPrefix(token, "$") {
			return &contrail.InvalidError{
				What: "subject prefix", Value: prefix,
				Reason: "must be subject tokens joined by '.', none of them empty, a wildcard or beginning with '$'",
			}
		}
	}
	return nil
}

// Source is the CloudEvents source of a store's events: /contrail/<name>/<store id>, or /contrail/<store id> without a name.
func Source(name string, store uuid.UUID) string {
	if name == "" {
		return "/contrail/" + store.String()
	}
	return "/contrail/" + name + "/" + store.String()
}

// IsFrom tells whether a message with this source came from the store. The name in front of the id may have changed.
func IsFrom(source string, store uuid.UUID) bool {
	return strings.HasPrefix(source, "/contrail/") && strings.HasSuffix(source, "/"+store.String())
}
