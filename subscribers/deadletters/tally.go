package deadletters

import (
	"context"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/subscribers"
)

// Kind is what letters are told apart by without reading them.
type Kind struct {
	State    State  `json:"state"`
	Consumer string `json:"consumer"` // "": unknown
	Category string `json:"category"` // of the event's stream; "": unknown, as of what is requeued
	Type     string `json:"type"`     // of the event; "": unknown
}

// Tally returns how many letters there are of each kind, by what the broker knows without reading any: it is as quick with a hundred
// thousand of them as with one. stream is that of the dead letters; empty means DEADLETTERS. The error wraps [ErrNoStream]. [Count] counts by
// reason as well, and reads.
func Tally(ctx context.Context, js jetstream.JetStream, stream string) (map[Kind]int64, error) {
	filter := Filter{Stream: stream}
	if err := filter.Validate(); err != nil {
		return nil, fmt.Errorf("tally dead letters: %w", err)
	}
	b, err := openBroker(ctx, js, filter.withDefaults().Stream)
	if err != nil {
		return nil, fmt.Errorf("tally dead letters: %w", err)
	}
	prefix := subscribers.DeadLetterPrefix(b.name)
	info, err := b.stream.Info(ctx, jetstream.WithSubjectFilter(prefix+".>"))
	if err != nil {
		return nil, fmt.Errorf("tally dead letters: stream %s: %w", b.name, err)
	}
	counts := map[Kind]int64{}
	for subject, letters := range info.State.Subjects {
		at := placeOf(prefix, subject)
		if at.state == "" {
			continue // no letter
		}
		category, name := splitKind(at.kind)
		counts[Kind{at.state, at.consumer, category, name}] += int64(letters) //nolint:gosec // no stream has so many
	}
	return counts, nil
}

// ByKind tells whether the filter selects by nothing but what a [Kind] tells: then the sum of the kinds that it [Filter.Takes] is the number of
// its letters.
func (f Filter) ByKind() bool {
	f = f.withDefaults()
	return len(f.Reasons) == 0 && f.EventStream.IsZero() && f.Tenant == "" && f.ErrorContains == "" && f.Since.IsZero() && f.Until.IsZero() &&
		f.After == 0 && f.UpTo == 0 && f.Limit == 0 && !f.needsPayload()
}

// Takes tells whether the filter may select letters of this kind.
func (f Filter) Takes(kind Kind) bool {
	f = f.withDefaults()
	category := f.Category
	if !f.EventStream.IsZero() {
		category = f.EventStream.Category()
	}
	is := func(wanted, it string) bool {
		return wanted == "" || wanted == it || it == "" && kind.State == Requeued
	}
	return slices.Contains(f.States, kind.State) && (f.Consumer == "" || f.Consumer == kind.Consumer) && is(category, kind.Category) && is(f.Type, kind.Type)
}
