package main

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/webhook"
)

// consumers are the parts that run side by side.
type consumers struct {
	notifications *invoicing.Notifications // nil: neither they nor the reminders are among the parts
	hooks         *webhook.Hooks           // nil: likewise
	projections   []*subscribers.Projection
	parts         []part
}

// part runs until ctx ends.
type part func(ctx context.Context) error

func newConsumers(js jetstream.JetStream, pool *pgxpool.Pool, config consumersConfig) (c consumers, err error) {
	has := func(name string) bool { return slices.Contains(config.parts, name) }
	var projectionsErr, notificationsErr, hooksErr error
	if has(partProjections) {
		c.projections, projectionsErr = newProjections(js, pool, config.projection)
	}
	if has(partNotifications) || has(partReminders) {
		c.notifications, notificationsErr = invoicing.NewNotifications(js, pool, config.notifications)
	}
	if has(partWebhooks) {
		c.hooks, hooksErr = webhook.New(js, pool, config.hooks)
	}
	if err := errors.Join(projectionsErr, notificationsErr, hooksErr); err != nil {
		return consumers{}, err
	}
	for _, one := range c.projections {
		c.parts = append(c.parts, one.Run)
	}
	if has(partNotifications) {
		c.parts = append(c.parts, c.notifications.Run)
	}
	if has(partReminders) {
		c.parts = append(c.parts, c.notifications.RunReminders)
	}
	if has(partWebhooks) {
		c.parts = append(c.parts, c.hooks.Run)
	}
	return c, nil
}

// newProjections are the three read models, under their usual names: those that contrail serve reads.
func newProjections(js jetstream.JetStream, pool *pgxpool.Pool, config subscribers.ProjectionConfig) ([]*subscribers.Projection, error) {
	summary, summaryErr := invoicing.NewSummaryProjection(js, pool, config)
	overdue, overdueErr := invoicing.NewOverdueProjection(js, pool, config)
	statement, statementErr := invoicing.NewStatementProjection(js, pool, config)
	if err := errors.Join(summaryErr, overdueErr, statementErr); err != nil {
		return nil, err
	}
	return []*subscribers.Projection{summary, overdue, statement}, nil
}

// run ends when ctx does, or when one of the parts fails; then the others drain.
func (c consumers) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, run := range c.parts {
		group.Go(func() error { return run(ctx) })
	}
	return group.Wait() //nolint:wrapcheck // each names itself
}

// stats are those of the two subscriptions; zero for one that is not among the parts.
func (c consumers) stats() (notifications, hooks subscribers.Stats) {
	if c.notifications != nil {
		notifications = c.notifications.Stats()
	}
	if c.hooks != nil {
		hooks = c.hooks.Stats()
	}
	return notifications, hooks
}
