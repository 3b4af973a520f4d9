package doctor

import (
	"context"
	"fmt"

	"github.com/contrail-events/contrail/publisher/parked"
)

func checkParked(ctx context.Context, d *Doctor) ([]Finding, error) {
	counts, err := parked.Count(ctx, d.pool, d.config.Stream)
	if err != nil {
		return nil, err
	}
	with := values{"parked": counts[parked.Parked], "held": counts[parked.Held], "requeued": counts[parked.Requeued]}
	if counts[parked.Parked] == 0 && counts[parked.Held] == 0 {
		return good(with, "no event is left out of the stream"), nil
	}
	what := fmt.Sprintf("%d events are left out of the stream", counts[parked.Parked])
	if held := counts[parked.Held]; held > 0 {
		what += fmt.Sprintf(", and %d are held behind them", held)
	}
	return []Finding{{
		Severity: Warning, What: what, Why: "the broker has refused them, and no consumer has them until a person decides", Do: "contrail parked list, then requeue or discard",
		Values: with,
	}}, nil
}
