package deadletters

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/subscribers"
)

// Group is what letters are counted by.
type Group struct {
	State    State              `json:"state"`
	Consumer string             `json:"consumer"`
	Reason   subscribers.Reason `json:"reason"`
}

// Count returns how many letters there are of each consumer for each reason, among those that the filter selects. It reads no more than
// their headers where the filter is not about what an event says.
func Count(ctx context.Context, js jetstream.JetStream, filter Filter) (map[Group]int64, error) {
	counts := map[Group]int64{}
	for letter, err := range letters(ctx, js, filter, true) {
		if err != nil {
			return nil, fmt.Errorf("count dead letters: %w", err)
		}
		counts[Group{letter.State, letter.Consumer, letter.Reason}]++
	}
	return counts, nil
}
