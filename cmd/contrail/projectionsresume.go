package main

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/subscribers/projections"
)

// projectionsResumeVerb resumes.
type projectionsResumeVerb struct {
	Name string `arg:"" help:"The projection."`
}

// Help teaches.
func (*projectionsResumeVerb) Help() string {
	return `Lets a projection that was paused go on where it stopped, within a second. One that is not paused stays as it is.

Examples:

  contrail projections resume statement`
}

// Run resumes.
func (v *projectionsResumeVerb) Run(ctx context.Context, a *app) error {
	return a.withProjections(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		if err := projections.Resume(ctx, pool, v.Name); err != nil {
			return err
		}
		now, err := projections.Get(ctx, pool, v.Name)
		if err != nil {
			return err
		}
		runs := "no process runs it"
		if now.Active != nil {
			runs = processText(now.Active) + " runs it"
		}
		a.printf("projection %s is resumed; %s\n", printable(v.Name), runs)
		return nil
	})
}
