package steps

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// Start begins a run of a workflow in the caller's transaction, such as a handler's: with its commit the run is due, and a worker performs it. Nothing is performed here. Metadata
// that ctx carries ([contrail.WithMetadata], [contrail.CausedBy]) is kept with the run, and is in the ctx of its steps; its tenant_id is the run's tenant.
//
// With a key that a run of this workflow has already, whether it has ended or not, nothing happens: events come twice. The error wraps [ErrArgsMismatch]
// when that run has other args; it and an error about workflow, key or args are marked with [contrail.Permanent]. Start waits for another transaction
// that has just begun the same run.
func (w *Worker) Start(ctx context.Context, tx pgx.Tx, workflow, key string, args any) error {
	steps, known := w.flows[workflow]
	problem := unfit(key, maxKey)
	var faults []error
	if !known {
		faults = append(faults, fmt.Errorf("there is no workflow %q in this worker, which has %v", workflow, w.flows))
	}
	if problem != "" {
		faults = append(faults, fmt.Errorf("the key %q %s", shortened(key), problem))
	}
	data, err := marshal(args)
	if err != nil {
		faults = append(faults, fmt.Errorf("args: %w", err))
	}
	if len(faults) > 0 {
		return contrail.Permanent(fmt.Errorf("start run %s: %w", shortened(key), errors.Join(faults...)))
	}
	return w.runner.start(ctx, tx, newRun{key: key, workflow: workflow, args: data, definition: names(steps)})
}
