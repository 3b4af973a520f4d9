package publisher

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
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
	err = validateStream(cfg, info.Config)
	if err == nil && info.State.Msgs == 0 && published.position > 0 && published.sequence > 0 && info.State.LastSeq >= published.sequence {
		err = notOurs(cfg.Stream, fmt.Sprintf("was emptied (it had %d)", published.sequence))
	}
	return info.State, err
}

// validateStream names every field of an existing stream that would break a promise.
func validateStream(cfg Config, got jetstream.StreamConfig) error {
	var faults []string
	final := false
	for _, fault := range streamFaults(cfg, got) {
		if fault.broken {
			faults = append(faults, fmt.Sprintf("%s is %s, must be %s", fault.field, fault.is, fault.must))
			final = final || fault.final
		}
	}
	if faults == nil {
		return nil
	}
	hint := "change the stream, or give the relay another one (Config.Stream and Config.Prefix)"
	if final {
		hint = "this can't be changed any more: give the relay another stream (Config.Stream and Config.Prefix), or delete this one if nobody needs it"
	}
	return &StreamError{
		Stream: cfg.Stream, Err: ErrStreamConfig, Reason: "would break a promise: " + strings.Join(faults, "; "), Hint: hint,
	}
}

// streamFault is one thing that a stream's configuration must not say.
type streamFault struct {
	broken          bool
	final           bool // the server changes this in no stream that is there
	field, is, must string
}

func streamFaults(cfg Config, got jetstream.StreamConfig) []streamFault {
	const unlimited = "unlimited, so that no event goes before every consumer has it"
	workQueue := got.Retention == jetstream.WorkQueuePolicy
	return []streamFault{
		{got.Sealed, true, "Sealed", "true", "false, so that events can be published"},
		{got.Storage != jetstream.FileStorage, true, "Storage", got.Storage.String(), "File, so that a restart loses nothing"},
		{got.PersistMode == jetstream.AsyncPersistMode, true, "PersistMode", "async", "default, so that an acknowledged event is stored"},
		{got.AllowMsgCounter, true, "AllowMsgCounter", "true", "false, so that the stream takes events"},
		{got.Retention != jetstream.LimitsPolicy, workQueue, "Retention", got.Retention.String(), "Limits, so that an event stays for every consumer"},
		subjectsFault(cfg, got.Subjects),
		{got.Mirror != nil || len(got.Sources) > 0, false, "Mirror or Sources", "set", "unset, so that nobody else writes here"},
		{got.SubjectTransform != nil, false, "SubjectTransform", "set", "unset, so that subjects are what they say"},
		// Sealing a stream makes it discard what is new, which is then not the fault.
		{got.Discard != jetstream.DiscardOld && !got.Sealed, false, "Discard", got.Discard.String(), "DiscardOld, so that the stream takes every event"},
		{got.NoAck, false, "NoAck", "true", "false, so that the relay learns what was stored"},
		{got.MaxMsgsPerSubject > 0, false, "MaxMsgsPerSubject", strconv.FormatInt(got.MaxMsgsPerSubject, 10), "unlimited, so that no event of an aggregate goes"},
		{got.MaxAge > 0, false, "MaxAge", got.MaxAge.String(), unlimited},
		{got.MaxMsgs > 0, false, "MaxMsgs", strconv.FormatInt(got.MaxMsgs, 10), unlimited},
		{got.MaxBytes > 0, false, "MaxBytes", strconv.FormatInt(got.MaxBytes, 10), unlimited},
		{!got.DenyDelete, false, "DenyDelete", "false", "true, so that no event can be deleted"},
		{!got.DenyPurge, false, "DenyPurge", "false", "true, so that no event can be purged"},
	}
}

// subjectsFault wants the relay's subjects and no other, or, in a stream that is shared, them among others.
func subjectsFault(cfg Config, got []string) streamFault {
	own := streamConfig(cfg).Subjects
	if cfg.Fence == MsgID {
		covered := slices.ContainsFunc(got, func(subject string) bool { return covers(subject, own[0]) })
		return streamFault{!covered, false, "Subjects", fmt.Sprint(got), fmt.Sprintf("such that %v are among them", own)}
	}
	return streamFault{!slices.Equal(got, own), false, "Subjects", fmt.Sprint(got), fmt.Sprintf("just %v, so that nobody else writes here", own)}
}

// covers tells whether every subject that one pattern stands for is one that the other stands for, too.
func covers(wide, narrow string) bool {
	tokens, others := strings.Split(wide, "."), strings.Split(narrow, ".")
	for i, token := range tokens {
		switch {
		case token == ">":
			return i < len(others)
		case i >= len(others) || others[i] == ">", token != "*" && token != others[i]:
			return false
		}
	}
	return len(tokens) == len(others)
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
		Hint: "restore it; or, to publish every event again into an empty stream: contrail rebuild --stream " + stream,
	}
}
