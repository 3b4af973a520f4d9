package publisher

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// DefaultDuplicates is the duplicate window of a stream that a relay creates. The relay's exactness does not depend on it.
const DefaultDuplicates = 2 * time.Minute

func streamConfig(cfg Config) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        cfg.Stream,
		Description: "Events relayed by Contrail, which must be the only writer",
		Subjects:    []string{cfg.Prefix + ".>"},
		Storage:     jetstream.FileStorage,
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardOld,
		DenyDelete:  true,
		DenyPurge:   true,
		Duplicates:  DefaultDuplicates,
		Replicas:    cfg.Replicas,
		AllowDirect: true,
	}
}

// openStream returns the stream's state as its leader tells it. It creates a missing stream only when nothing was ever published to
// it, since a stream that is gone is a loss to be told, not to be papered over.
func openStream(ctx context.Context, js jetstream.JetStream, cfg Config, published cursor) (jetstream.StreamState, error) {
	stream, err := js.Stream(ctx, cfg.Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if published.sequence > 0 {
			return jetstream.StreamState{}, notOurs(cfg.Stream, fmt.Sprintf("is gone (it had %d)", published.sequence))
		}
		stream, err = js.CreateStream(ctx, streamConfig(cfg))
	}
	if err != nil {
		return jetstream.StreamState{}, fmt.Errorf("open stream %s: %w", cfg.Stream, translateBroker(err))
	}
	info := stream.CachedInfo()
	return info.State, validateStream(cfg, info.Config)
}

// validateStream names the first field of an existing stream that would break a promise.
func validateStream(cfg Config, got jetstream.StreamConfig) error {
	want := streamConfig(cfg)
	faults := []struct {
		broken          bool
		field, is, must string
	}{
		{!slices.Equal(got.Subjects, want.Subjects), "Subjects", fmt.Sprint(got.Subjects), fmt.Sprintf("must be just %v, so that nobody else writes here", want.Subjects)},
		{got.Storage != jetstream.FileStorage, "Storage", got.Storage.String(), "must be File, so that a restart loses nothing"},
		{got.Retention != jetstream.LimitsPolicy, "Retention", got.Retention.String(), "must be Limits, so that an event stays for every consumer"},
		{got.Discard != jetstream.DiscardOld, "Discard", got.Discard.String(), "must be DiscardOld, so that a full stream takes new events"},
		{got.PersistMode == jetstream.AsyncPersistMode, "PersistMode", "async", "must be default, so that an acknowledged event is stored"},
		{got.NoAck, "NoAck", "true", "must be false, so that the relay learns what was stored"},
		{got.Mirror != nil || len(got.Sources) > 0, "Mirror or Sources", "set", "must not be, so that nobody else writes here"},
		{got.SubjectTransform != nil, "SubjectTransform", "set", "must not be, so that subjects are what they say"},
		{got.MaxMsgsPerSubject > 0, "MaxMsgsPerSubject", strconv.FormatInt(got.MaxMsgsPerSubject, 10), "must be unlimited, so that no event of an aggregate goes"},
		{got.MaxAge > 0, "MaxAge", got.MaxAge.String(), "must be unlimited, so that no event goes before every consumer has it"},
		{got.MaxMsgs > 0, "MaxMsgs", strconv.FormatInt(got.MaxMsgs, 10), "must be unlimited, for the same reason"},
		{got.MaxBytes > 0, "MaxBytes", strconv.FormatInt(got.MaxBytes, 10), "must be unlimited, for the same reason"},
		{!got.DenyDelete, "DenyDelete", "false", "must be true, so that no event can be deleted"},
		{!got.DenyPurge, "DenyPurge", "false", "must be true, so that no event can be purged"},
		{got.Sealed, "Sealed", "true", "must be false, so that events can be published"},
	}
	for _, fault := range faults {
		if fault.broken {
			return &StreamError{
				Stream: cfg.Stream, Err: ErrStreamConfig,
				Reason: fmt.Sprintf("would break a promise: %s is %s, %s", fault.field, fault.is, fault.must),
				Hint:   "change the stream, or give the relay another name (Config.Stream)",
			}
		}
	}
	return nil
}

// translateBroker gives the broker's refusals that no retry cures this package's words.
func translateBroker(err error) error {
	switch {
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount),
		errors.Is(err, nats.ErrNoResponders):
		return fmt.Errorf("%w (start nats-server with -js): %w", ErrNoJetStream, err)
	case errors.Is(err, nats.ErrConnectionClosed):
		return fmt.Errorf("%w: %w", ErrConnectionClosed, err)
	}
	return err
}

func notOurs(stream, reason string) error {
	return &StreamError{
		Stream: stream, Reason: "is not the one this store wrote: it " + reason, Err: ErrForeignStream,
		Hint: fmt.Sprintf("restore it; or, to publish every event again into an empty stream, DELETE FROM contrail.relays WHERE stream = '%s'", stream),
	}
}
