package subscribers

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/contrail-events/contrail"
)

// Opener makes events readable whose data is encrypted, as the Keys of package eventstore/erasure do. It is used from several goroutines.
type Opener interface {
	// Open decrypts the data of those events that are Sealed, in place, or marks them Erased. On an error the events are what they were.
	// One that is marked with [contrail.Permanent] means that an event cannot be read, now or later: it becomes a dead letter, and a
	// projection stops. After any other, the events are kept and Open is called again until it succeeds, and no delivery is used up.
	Open(ctx context.Context, events []contrail.Recorded) error
}

// open opens events that are sealed, all with one call. The error is an outageError unless it is permanent.
func open(ctx context.Context, keys Opener, events []*contrail.Delivered[json.RawMessage]) error {
	var sealed []contrail.Recorded
	for _, event := range events {
		if event.Sealed {
			sealed = append(sealed, event.Recorded)
		}
	}
	if keys == nil || len(sealed) == 0 {
		return nil
	}
	if err := keys.Open(ctx, sealed); err != nil {
		if contrail.IsPermanent(err) {
			return fmt.Errorf("open encrypted events: %w", err)
		}
		return outage("open encrypted events", unmigrated(err))
	}
	for _, event := range events {
		if event.Sealed {
			event.Recorded, event.Data, sealed = sealed[0], sealed[0].Data, sealed[1:]
		}
	}
	return nil
}

func errSealed(event contrail.Recorded) error {
	return fmt.Errorf("the data of event %s is encrypted with key %s; give the subscription keys to open it (Config.Keys)",
		event.ID, event.Metadata[contrail.KeySealedWith])
}

func pointers[T any](values []T) []*T {
	all := make([]*T, len(values))
	for i := range values {
		all[i] = &values[i]
	}
	return all
}
