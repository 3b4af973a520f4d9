package picture

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

func (r *Reader) readSubscriptions(ctx context.Context, to *Picture) error {
	list, err := subscriptions.List(ctx, r.js, r.config.Stream, r.config.DeadLetters)
	if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return err
	}
	to.Subscriptions = orEmpty(list)
	return nil
}

// readDeadLetters counts by what the broker knows of subjects, of which there is one for each consumer and type of event: no letter is read.
func (r *Reader) readDeadLetters(ctx context.Context, to *Picture) error {
	stream, err := r.js.Stream(ctx, r.config.DeadLetters)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		to.DeadLetters = map[string]int64{}
		return nil
	}
	if err != nil {
		return fmt.Errorf("look up stream %s: %w", r.config.DeadLetters, err)
	}
	counts := map[string]int64{}
	prefix := subscribers.DeadLetterPrefix(r.config.DeadLetters)
	for _, kind := range []string{prefix + ".events.", prefix + ".foreign."} {
		info, err := stream.Info(ctx, jetstream.WithSubjectFilter(kind+">"))
		if err != nil {
			return fmt.Errorf("count dead letters: %w", err)
		}
		for subject, letters := range info.State.Subjects {
			consumer, _, _ := strings.Cut(strings.TrimPrefix(subject, kind), ".")
			counts[consumer] += int64(letters) //nolint:gosec // a number of messages
		}
	}
	to.DeadLetters = counts
	return nil
}
