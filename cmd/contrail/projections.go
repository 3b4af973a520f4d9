package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/subscribers/projections"
)

// projectionsVerb looks at projections and tells them what to do.
type projectionsVerb struct {
	List    projectionsListVerb    `cmd:"" help:"List the projections, who runs them and how far they are."`
	Pause   projectionsPauseVerb   `cmd:"" help:"Pause a projection: nothing is projected until it is resumed."`
	Rebuild projectionsRebuildVerb `cmd:"" help:"Build a projection's read model anew from the event store, beside the live one."`
	Resume  projectionsResumeVerb  `cmd:"" help:"Resume a projection."`
}

// withProjections opens what the verbs below work with: a pool on the read models' database.
func (a *app) withProjections(ctx context.Context, do func(ctx context.Context, pool *pgxpool.Pool) error) error {
	pool, err := a.openStore(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	err = do(ctx, pool)
	if errors.Is(err, projections.ErrNotFound) {
		err = fmt.Errorf("%w; contrail projections list shows which there are", err)
	}
	return err
}

// order is who says so.
func order(because string) projections.Order {
	return projections.Order{By: person(), Because: because}
}

// sinceText completes "projection x is paused …".
func sinceText(at time.Time, by, because string) string {
	text := fmt.Sprintf("since %s by %s", at.UTC().Format(time.RFC3339), printable(by))
	if because != "" {
		text += ": " + printable(because)
	}
	return text
}
