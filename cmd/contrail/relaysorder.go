package main

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/publisher/control"
)

// give is one of package control's commands to one relay.
type give func(ctx context.Context, db control.Querier, id uuid.UUID, by string) (control.Order, error)

// order gives the relay of that name a command, and waits until it has done it.
func (f orderFlags) order(ctx context.Context, pool *pgxpool.Pool, name string, give give) (control.Relay, error) {
	relay, err := findRelay(ctx, pool, name)
	if err != nil {
		return control.Relay{}, err
	}
	return relay, f.give(ctx, pool, relay, give)
}

// give gives a command and waits.
func (f orderFlags) give(ctx context.Context, pool *pgxpool.Pool, relay control.Relay, give give) error {
	order, err := give(ctx, pool, relay.ID, person())
	if err != nil {
		return err
	}
	return f.inTime(ctx, func(ctx context.Context) error { return control.Await(ctx, pool, order) })
}
