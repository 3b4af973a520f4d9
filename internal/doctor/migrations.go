package doctor

import (
	"context"
	"errors"

	"github.com/contrail-events/contrail/eventstore"
)

func checkMigrations(ctx context.Context, d *Doctor) ([]Finding, error) {
	list, err := eventstore.Migrations(ctx, d.pool)
	if err != nil {
		return nil, err
	}
	var applied, known int
	var missing, newer []string
	for _, migration := range list {
		switch {
		case migration.AppliedAt == nil:
			missing = append(missing, migration.Name)
		case migration.Name == "":
			newer = append(newer, "of a newer version")
		}
		if migration.AppliedAt != nil {
			applied++
		}
		if migration.Name != "" {
			known++
		}
	}
	with := values{"applied": applied, "known": known, "missing": missing}
	const why = "programs of this version refuse the database"
	switch {
	case applied == 0:
		return []Finding{{Severity: Danger, What: "Contrail's tables are not there", Why: "nothing can be appended", Do: "run contrail migrate", Values: with}}, nil
	case len(newer) > 0:
		return []Finding{{
			Severity: Danger, What: "the schema was migrated by a newer version", Why: why, Do: "upgrade this program, or go back with contrail migrate down of the newer one",
			Values: with,
		}}, nil
	case len(missing) > 0:
		return []Finding{{Severity: Danger, What: "the schema is that of an older version", Why: why, Do: "run contrail migrate", Values: with}}, nil
	}
	err = eventstore.Check(ctx, d.pool)
	if errors.Is(err, eventstore.ErrNotMigrated) || errors.Is(err, eventstore.ErrMigratedByNewer) {
		return []Finding{{Severity: Danger, What: oneLine(err), Why: why, Do: "run contrail migrate", Values: with}}, nil
	}
	return good(with, "the schema is that of this version"), nil
}
