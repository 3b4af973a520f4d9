package deadletters

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Purge deletes letters for good, and keeps no record: those that the filter selects, which has to name a time (Until) since when they are
// as they are, at least. Where it names no states, these are dead letters; of requeued ones it deletes only those that are [Settled], since
// the others would never be handled. It returns how many it has deleted, also with an error. It works in constant memory, and may be
// interrupted and called again at any time.
func Purge(ctx context.Context, js jetstream.JetStream, filter Filter) (purged int64, err error) {
	err = filter.Validate()
	if filter.Until.IsZero() {
		err = errors.Join(err, errors.New("deadletters.Filter: Until is not set, must say since when what is deleted is as it is"))
	}
	if err == nil {
		purged, err = purge(ctx, js, filter.withDefaults())
	}
	if err != nil {
		return purged, fmt.Errorf("purge dead letters: %w", err)
	}
	return purged, nil
}

func purge(ctx context.Context, js jetstream.JetStream, filter Filter) (purged int64, err error) {
	b, err := openBroker(ctx, js, filter.Stream)
	if err != nil {
		return 0, err
	}
	limit := filter.Limit
	filter.Limit = 0 // what is passed over does not count
	for letter, err := range b.letters(ctx, filter, true) {
		if err != nil {
			return purged, err
		}
		if letter.State == Requeued && letter.Progress != Settled {
			continue
		}
		if err := b.remove(ctx, letter.ID); err != nil {
			return purged, err
		}
		if purged++; purged == limit {
			break
		}
	}
	return purged, nil
}
