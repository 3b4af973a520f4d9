package attempts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
)

// Of returns the attempts of an event of a JetStream stream, of all consumers, in the order of their beginnings. It returns none where nothing has
// failed, also where there is no journal. It asks the journal's leader once for each attempt.
func Of(ctx context.Context, js jetstream.JetStream, stream string, event uuid.UUID) ([]Attempt, error) {
	if stream == "" || strings.ContainsAny(stream, " .*>") {
		return nil, fmt.Errorf("read the attempts of event %s: %q is not the name of a stream", event, stream)
	}
	found, err := read(ctx, js, SubjectPrefix+stream+".*."+event.String())
	if err != nil {
		return nil, fmt.Errorf("read the attempts of event %s: %w", event, err)
	}
	slices.SortStableFunc(found, func(a, b Attempt) int { return a.Began.Compare(b.Began) })
	return found, nil
}

// read returns all attempts on subjects that match, in the journal's order.
func read(ctx context.Context, js jetstream.JetStream, subject string) (found []Attempt, err error) {
	journal, err := js.Stream(ctx, Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look up stream %s: %w", Stream, err)
	}
	for next := uint64(1); ; {
		message, err := journal.GetMsg(ctx, next, jetstream.WithGetMsgSubject(subject))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("stream %s: %w", Stream, err)
		}
		next = message.Sequence + 1
		var attempt Attempt
		if json.Unmarshal(message.Data, &attempt) == nil { // what is none is somebody else's
			found = append(found, attempt)
		}
	}
}
