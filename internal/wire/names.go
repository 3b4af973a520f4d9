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

	Advisories = "CONTRAIL_ADVISORIES" // the JetStream stream that takes the broker's advisories about consumers
)

// Headers of a message.
const (
	HeaderMsgID       = "Nats-Msg-Id"                 // the event's id: the broker's deduplication
	HeaderFence       = "Nats-Expected-Last-Sequence" // the sequence that the broker must be at
	HeaderContentType = "content-type"
	HeaderTraceparent = "traceparent"
	HeaderResent      = "Contrail-Resent" // marks a message that stands out of position order: ResentRequeue or ResentRepair
	HeaderAfter       = "Contrail-After"  // of a marked message: the position of the last event before it that stands in its order

	ContentType = "application/cloudevents+json" // of a message in structured mode
)

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
