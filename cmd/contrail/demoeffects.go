package main

import (
	"context"
	"fmt"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/subscribers/deliveries"
	"github.com/contrail-events/contrail/subscribers/steps"
)

// demoReminders is how the runs that remind of invoices stand.
type demoReminders struct {
	Waiting   int64 `json:"waiting"`   // for the day on which the invoice is overdue
	Cancelled int64 `json:"cancelled"` // since it was paid, voided or deleted
}

// effects is how the tenant's mails and runs stand.
type effects struct {
	sent, suppressed, open int64 // mails
	runs                   map[steps.Status]int64
}

func (p *performance) effects(ctx context.Context) (effects, error) {
	all := effects{runs: map[steps.Status]int64{}}
	mails, err := deliveries.Stats(ctx, p.pool, deliveries.Filter{Tenant: p.actor.TenantID, Consumer: invoicing.NotificationsDurable})
	if err != nil {
		return effects{}, err
	}
	for _, stat := range mails {
		switch {
		case stat.State == deliveries.Succeeded:
			all.sent += stat.Deliveries
		case stat.State.Ended():
			all.suppressed += stat.Deliveries
		default:
			all.open += stat.Deliveries
		}
	}
	runs, err := steps.Count(ctx, p.pool, steps.Filter{Tenant: p.actor.TenantID, Workflow: invoicing.RemindersWorkflow})
	for group, count := range runs {
		all.runs[group.Status] += count
	}
	return all, err
}

// notified tells how many mails have ended. What is planned and begun is in the transactions that handled the events, and so there by now; but a run that was looked at
// before it was cancelled is given back first.
func (p *performance) notified(ctx context.Context) (done, todo int64, err error) {
	all, err := p.effects(ctx)
	return all.sent + all.suppressed, all.open + all.runs[steps.Ready] + all.runs[steps.Cancelling] + all.runs[steps.Compensating], err
}

// tell writes into the report what the events have set off.
func (p *performance) tell(ctx context.Context, report *demoReport) error {
	all, err := p.effects(ctx)
	if err != nil {
		return err
	}
	report.Notified, report.Suppressed = all.sent, all.suppressed
	report.Reminders = demoReminders{Waiting: all.runs[steps.Waiting], Cancelled: all.runs[steps.Cancelled]}
	report.Overdue, err = p.overdue(ctx)
	return err
}

// overdue counts what is overdue today, page by page.
func (p *performance) overdue(ctx context.Context) (count int64, err error) {
	reader := invoicing.NewReader(p.pool, invoicing.ReaderConfig{})
	filter := invoicing.OverdueFilter{Limit: domain.MaxLimit}
	for {
		view, err := reader.Overdue(ctx, p.actor.TenantID, filter, 0)
		if err != nil {
			return 0, fmt.Errorf("count what is overdue: %w", err)
		}
		count += int64(len(view.Value.Invoices))
		if filter.After = view.Value.Next; filter.After == "" {
			return count, nil
		}
	}
}
