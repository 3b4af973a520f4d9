package doctor

import (
	"context"
	"fmt"

	"github.com/contrail-events/contrail/subscribers/projections"
)

func checkProjections(ctx context.Context, d *Doctor) ([]Finding, error) {
	list, err := projections.List(ctx, d.pool)
	if err != nil {
		return nil, err
	}
	var found []Finding
	for _, one := range list {
		with := values{"projection": one.Name, "position": one.Position}
		if one.PausedAt != nil {
			found = append(found, Finding{
				Severity: Warning, What: pausedText("projection "+one.Name, *one.PausedAt, one.PausedBy, one.PausedBecause), Why: "its read model is not kept up meanwhile",
				Do: "contrail projections resume " + one.Name, Values: with,
			})
		}
		if one.Active == nil {
			found = append(found, Finding{
				Severity: Note, What: "no process runs projection " + one.Name, Why: "its read model stands still", Do: "start its program, or leave it if it is no longer used", Values: with,
			})
		}
		if one.Rebuild != nil && one.Rebuild.State == projections.Failed {
			found = append(found, Finding{
				Severity: Warning, What: fmt.Sprintf("the rebuild of projection %s has failed: %s", one.Name, one.Rebuild.Error), Why: "the read model is what it was before",
				Do: "mend it, then contrail projections rebuild " + one.Name, Values: with,
			})
		}
	}
	return orGood(found, values{"projections": len(list)}, "%d projections, none of them paused", len(list)), nil
}
