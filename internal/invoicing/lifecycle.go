package invoicing

import (
	"context"
	"fmt"
	"time"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/invoice"
)

// Step is one thing that happens to invoices once they are drafted.
type Step string

// The steps, and [Steps] has them in order.
const (
	StepUpdate Step = "update"
	StepIssue  Step = "issue"
	StepPay    Step = "pay"
	StepVoid   Step = "void"
	StepDelete Step = "delete"
)

// Steps lists all steps in the order in which a [Lifecycle] takes them.
func Steps() []Step { return []Step{StepUpdate, StepIssue, StepPay, StepVoid, StepDelete} }

// takes tells which invoices a step happens to, by their place in the input: one in ten is updated on the way, seven in ten are issued, five of
// these paid, and one voided; another draft in ten is voided at once, and the very first is deleted. So every status is there in the end,
// and the same input always ends the same.
func (s Step) takes(place int) bool {
	digit := place % 10
	switch s {
	case StepUpdate:
		return digit == 1
	case StepIssue:
		return digit >= 3
	case StepPay:
		return digit >= 5
	case StepVoid:
		return digit == 2 || digit == 3
	case StepDelete:
		return place == 0
	}
	return false
}

// after is how long after the draft a step is said to happen.
func (s Step) after() time.Duration {
	const day = 24 * time.Hour
	switch s {
	case StepIssue:
		return day
	case StepPay:
		return 20 * day
	case StepDelete:
		return 2 * day
	case StepUpdate, StepVoid:
	}
	return 0
}

// Lifecycle takes imported invoices further.
type Lifecycle struct{ importer *Importer }

// NewLifecycle returns the lifecycle of what an importer imports.
func NewLifecycle(importer *Importer) Lifecycle { return Lifecycle{importer} }

// Take takes one step with all the invoices that it happens to, and returns how many these are.
func (l Lifecycle) Take(ctx context.Context, step Step, input Input) (int, error) {
	var tasks []task
	for place, read := range input.Invoices {
		if !step.takes(place) {
			continue
		}
		tasks = append(tasks, func(ctx context.Context) (bool, error) {
			if err := l.take(ctx, step, read, input.Now); err != nil {
				return false, read.wrap(fmt.Errorf("%s it: %w", step, err))
			}
			return true, nil
		})
	}
	taken, err := l.importer.run(ctx, tasks)
	return taken.New, err
}

func (l Lifecycle) take(ctx context.Context, step Step, read Invoice, now time.Time) error {
	at := read.draftedAt(now)
	if at != now { // an old invoice: what comes after it is old, too
		at = at.Add(step.after())
	}
	services, err := NewServices(l.importer.transactor, fixed(at), domain.Config{})
	if err != nil {
		return err
	}
	actor := l.importer.actor
	found, err := NewLocal(services, actor).Find(ctx, invoice.Category, read.Reference)
	if err != nil {
		return err
	}
	id := found.ID
	switch step {
	case StepUpdate:
		_, err = services.Invoices.Update(ctx, actor, id, domain.UpdateInvoice{DueDate: read.DueDate, LineItems: oneMore(read.LineItems)})
	case StepIssue:
		_, err = services.Invoices.Issue(ctx, actor, id)
	case StepPay:
		_, err = services.Invoices.Pay(ctx, actor, id)
	case StepVoid:
		_, err = services.Invoices.Void(ctx, actor, id)
	case StepDelete:
		_, err = services.Invoices.Delete(ctx, actor, id)
	}
	return err
}

// oneMore is the lines with one more of the first, where there may be one more.
func oneMore(lines []invoice.LineItem) []invoice.LineItem {
	changed := append([]invoice.LineItem{}, lines...)
	if len(changed) > 0 && changed[0].Quantity < invoice.MaxQuantity {
		changed[0].Quantity++
	}
	return changed
}

func fixed(at time.Time) domain.Clock { return func() time.Time { return at } }
