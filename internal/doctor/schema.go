package doctor

import (
	"context"
	"errors"
	"slices"

	"github.com/contrail-events/contrail/eventstore"
)

// checkSchema leaves to other checks what they look at, by name.
func checkSchema(ctx context.Context, d *Doctor) ([]Finding, error) {
	differences, err := eventstore.Validate(ctx, d.pool)
	if err != nil && !errors.Is(err, eventstore.ErrDrift) {
		return nil, err
	}
	elsewhere := []string{"last position"}
	for _, name := range guards() {
		elsewhere = append(elsewhere, "trigger events."+name)
	}
	var found []Finding
	harmless := 0
	for _, difference := range differences {
		switch {
		case difference.Harmless:
			harmless++
		case !slices.Contains(elsewhere, difference.Object):
			found = append(found, Finding{
				Severity: Danger, What: difference.String(), Why: "what makes appending and relaying safe stands in the schema",
				Do: "put it back as the migrations made it (contrail migrate validate)", Values: values{"object": difference.Object, "want": difference.Want, "have": difference.Have},
			})
		}
	}
	return orGood(found, values{"harmless": harmless}, "the schema is what the migrations made"), nil
}
