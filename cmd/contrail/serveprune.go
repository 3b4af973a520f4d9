package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/internal/invoicing"
)

const pruneEvery = time.Hour

// pruneAnswers forgets idempotency keys that are old enough, at once and every hour, until ctx ends. Where it fails the next hour comes: all that
// is lost by it is space.
func pruneAnswers(ctx context.Context, pool *pgxpool.Pool, keep time.Duration, log *slog.Logger) {
	again := time.NewTicker(pruneEvery)
	defer again.Stop()
	for {
		switch pruned, err := invoicing.PruneAnswers(ctx, pool, keep); {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.WarnContext(ctx, "old idempotency keys could not be forgotten", slog.Any("error", err))
		case pruned > 0:
			log.InfoContext(ctx, "old idempotency keys are forgotten", slog.Int64("keys", pruned))
		}
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}
