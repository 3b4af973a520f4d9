package main

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/subscribers/projections"
)

// projectionsPauseVerb pauses.
type projectionsPauseVerb struct {
	Name    string `arg:"" help:"The projection."`
	Because string `env:"-" placeholder:"TEXT" help:"Why, for others to see."`
}

// Help teaches.
func (*projectionsPauseVerb) Help() string {
	return `Has a projection project nothing more until it is resumed, whatever processes start or stop meanwhile. It waits for the batch that is under
way: when it exits, the read model changes no more. What is published meanwhile waits in the stream. A rebuild waits, too.

A projection that is paused already stays as it is.

Examples:

  contrail projections pause statement --because "the tables are moved"`
}

// Run pauses.
func (v *projectionsPauseVerb) Run(ctx context.Context, a *app) error {
	return a.withProjections(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		paused, err := projections.Pause(ctx, pool, v.Name, order(v.Because))
		if err == nil {
			a.printf("projection %s is paused %s\n", printable(v.Name), sinceText(*paused.At, paused.By, paused.Because))
		}
		return err
	})
}
