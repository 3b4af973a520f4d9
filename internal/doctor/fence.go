package doctor

import (
	"context"

	"github.com/contrail-events/contrail/publisher"
)

func checkFence(ctx context.Context, d *Doctor) ([]Finding, error) {
	living, _, err := d.relays(ctx)
	if err != nil {
		return nil, err
	}
	fence := d.fence(living)
	with := values{"fence": fence.String()}
	if fence == publisher.MsgID {
		return []Finding{{
			Severity: Note, What: "the fence is msg-id", Do: "give the relay a stream of its own, and --fence last-sequence, unless others have to write there", Values: with,
			Why: "events are there once only within the duplicate window, and one that is lost on its way comes behind later ones",
		}}, nil
	}
	return good(with, "each message names the sequence that it must follow"), nil
}
