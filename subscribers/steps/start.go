package steps

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// start begins a run in the caller's transaction, for whoever claims it. One of the same workflow that is there already with the same args stays as it is: if it was begun with
// other steps it goes on with those. The error is that of a run that differs, or the database's.
func (r *Runner) start(ctx context.Context, tx pgx.Tx, wanted newRun) error {
	id, err := r.insert(ctx, tx, wanted, 0)
	if err != nil {
		return fmt.Errorf("start run %s: %w", wanted.key, unmigrated(err))
	}
	if id != uuid.Nil {
		return nil
	}
	var there run
	var seen sight
	err = there.scan(tx.QueryRow(ctx, lookSQL, wanted.key, string(wanted.args)), &seen.sameArgs, &seen.by, &seen.now, &seen.until)
	switch {
	case errors.Is(err, pgx.ErrNoRows): // seen by nobody but the unique index: this transaction's snapshot is older
		return fmt.Errorf("start run %s: it was begun since this transaction began; begin the transaction again", wanted.key)
	case err != nil:
		return fmt.Errorf("start run %s: %w", wanted.key, err)
	}
	if err := there.differs(wanted, seen.sameArgs); errors.Is(err, ErrArgsMismatch) {
		return err
	}
	if there.workflow != wanted.workflow {
		return contrail.Permanent(fmt.Errorf("start run %s of workflow %q: a run of workflow %q has that key; let the keys of workflows differ",
			wanted.key, wanted.workflow, there.workflow))
	}
	return nil
}

// differs returns the error of a run that is there with other args or steps.
func (r *run) differs(wanted newRun, sameArgs bool) error {
	switch {
	case !sameArgs:
		return contrail.Permanent(fmt.Errorf("run %s: %w; let the key tell them apart", r.key, ErrArgsMismatch))
	case !slices.Equal(r.definition, wanted.definition):
		return &DefinitionMismatchError{Run: r.key, Begun: r.definition, Now: wanted.definition}
	}
	return nil
}
