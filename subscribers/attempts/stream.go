package attempts

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Stream is the JetStream stream that holds the journal.
const Stream = "CONTRAIL_ATTEMPTS"

// How much it keeps.
const (
	kept        = 7 * 24 * time.Hour
	keptBytes   = 256 << 20
	keptOfEvent = 64
)

// StreamConfig is what the journal's stream is created with: as safe as the stream of the events, like, is.
func StreamConfig(like jetstream.StreamConfig) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: Stream, Description: "Attempts to handle events that did not succeed at once, told by Contrail's subscriptions.",
		Subjects: []string{SubjectPrefix + ">"}, Retention: jetstream.LimitsPolicy, Storage: jetstream.FileStorage, Discard: jetstream.DiscardOld,
		MaxAge: kept, MaxBytes: keptBytes, MaxMsgsPerSubject: keptOfEvent, Replicas: like.Replicas, Placement: like.Placement,
	}
}
