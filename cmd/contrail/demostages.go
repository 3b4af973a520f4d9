package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/subscribers"
)

// stage is one step of the demo.
type stage struct {
	Name    string  `json:"name"`
	Count   int64   `json:"count"`
	Seconds float64 `json:"seconds"`
}

// timeline times the steps, and tells of each as soon as it is done.
type timeline struct {
	app   *app
	quiet bool
	done  []stage
}

func (s *timeline) time(name string, do func() (int64, error)) error {
	began := time.Now()
	count, err := do()
	if err != nil {
		return err
	}
	took := time.Since(began)
	s.done = append(s.done, stage{name, count, round(took)})
	if !s.quiet {
		s.app.printf("  %-14s %9s  %8.3f s\n", name, thousands(count), took.Seconds())
	}
	return s.app.unwritten // without a reader there is no point in going on
}

func round(d time.Duration) float64 { return math.Round(d.Seconds()*1000) / 1000 }

// performance is one run over an input.
type performance struct {
	*world

	input    invoicing.Input
	stages   *timeline
	importer *invoicing.Importer
}

// draft creates who takes part, and drafts every invoice.
func (p *performance) draft(ctx context.Context, report *demoReport) error {
	create := func(name string, into *int, do func(context.Context, invoicing.Input) (invoicing.Created, error)) error {
		return p.stages.time(name, func() (int64, error) {
			created, err := do(ctx, p.input)
			*into = created.New
			return int64(created.New), err
		})
	}
	for _, read := range p.input.Invoices {
		report.LineItems += len(read.LineItems)
	}
	var drafts int
	err := create("organisations", &report.Organisations, p.importer.Organisations)
	if err == nil {
		err = create("contacts", &report.Contacts, p.importer.Contacts)
	}
	if err == nil {
		err = create("drafted", &drafts, p.importer.Invoices)
	}
	return err
}

// live takes the invoices further.
func (p *performance) live(ctx context.Context, _ *demoReport) error {
	past := map[invoicing.Step]string{
		invoicing.StepUpdate: "updated", invoicing.StepIssue: "issued", invoicing.StepPay: "paid",
		invoicing.StepVoid: "voided", invoicing.StepDelete: "deleted",
	}
	lifecycle := invoicing.NewLifecycle(p.importer)
	for _, step := range invoicing.Steps() {
		err := p.stages.time(past[step], func() (int64, error) {
			taken, err := lifecycle.Take(ctx, step, p.input)
			return int64(taken), err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// settle waits until all that was appended is relayed, handled and projected.
func (p *performance) settle(ctx context.Context, report *demoReport) error {
	err := p.pool.QueryRow(ctx, `SELECT count(*) FROM contrail.events WHERE position > $1`, int64(p.began)).Scan(&report.Events)
	if err != nil {
		return fmt.Errorf("count the events: %w", err)
	}
	for _, stage := range []struct {
		name string
		look func(context.Context) (done, todo int64, err error)
	}{{"relayed", p.relayed}, {"handled", p.handled}, {"projected", p.projected}, {"notified", p.notified}} {
		if err := p.await(ctx, stage.name, stage.look); err != nil {
			return err
		}
	}
	stats, posts := p.consumers.stats()
	report.Handled, report.Duplicates, report.DeadLettered = stats.Handled, stats.Duplicates, stats.DeadLettered+posts.DeadLettered
	return p.tell(ctx, report)
}

// await looks until all is done, for the demo's timeout at most. look returns how many are done and how many are to come.
func (p *performance) await(ctx context.Context, name string, look func(context.Context) (done, todo int64, err error)) error {
	return p.stages.time(name, func() (int64, error) {
		waiting, cancel := context.WithTimeout(ctx, p.verb.Timeout)
		defer cancel()
		again := time.NewTicker(lookAgain / 2)
		defer again.Stop()
		for {
			done, todo, err := look(ctx)
			if err != nil || todo == 0 {
				return done, err
			}
			select {
			case <-waiting.Done():
				if ctx.Err() != nil {
					return done, context.Cause(ctx) // a signal, or the failure of a part
				}
				return done, tooLate(p.verb.Timeout, todo, name)
			case <-again.C:
			}
		}
	})
}

func tooLate(patience time.Duration, todo int64, name string) error {
	return fmt.Errorf("after %s, %s %s not %s yet; look at the log (--log-level info), or raise --timeout",
		patience, plural(todo, "event"), agree(todo, "is", "are"), name)
}

func (p *performance) relayed(ctx context.Context) (done, todo int64, err error) {
	status, err := publisher.ReadStatus(ctx, p.pool, p.js, p.servers.stream)
	if err != nil {
		return 0, 0, err
	}
	done, err = p.count(ctx, `SELECT count(*) FROM contrail.events WHERE position > $1 AND position <= $2`, int64(status.PublishedPosition))
	return done, status.LagEvents, err
}

// handledSQL counts the run's events that the subscription handles, and those among them that are not in its inbox.
const handledSQL = `SELECT count(*) FILTER (WHERE i.position IS NOT NULL), count(*) FILTER (WHERE i.position IS NULL)
FROM contrail.events e LEFT JOIN contrail.inbox i ON i.position = e.position AND i.consumer IN ($2, $3)
WHERE e.position > $1 AND e.type IN ('InvoiceIssued', 'InvoicePaid', 'InvoiceVoided', 'InvoiceDeleted')`

func (p *performance) handled(ctx context.Context) (done, todo int64, err error) {
	durable := invoicing.NotificationsDurable // in the inbox behind the name of a stream that is not the usual one
	err = p.pool.QueryRow(ctx, handledSQL, int64(p.began), durable, p.servers.stream+"/"+durable).Scan(&done, &todo)
	if err != nil {
		return 0, 0, fmt.Errorf("look into the inbox: %w", err)
	}
	notifications, posts := p.consumers.stats()
	if dead := notifications.DeadLettered + posts.DeadLettered; dead > 0 {
		return done, todo, fmt.Errorf("%s became %s; look at the stream %s",
			plural(dead, "event"), agree(dead, "a dead letter", "dead letters"), p.servers.deadLetters)
	}
	return done, todo, nil
}

// projected tells how far the read model is that is furthest behind.
func (p *performance) projected(ctx context.Context) (done, todo int64, err error) {
	last := contrail.Position(math.MaxInt64)
	for _, name := range []string{invoicing.SummaryName, invoicing.OverdueName, invoicing.StatementName} {
		checkpoint, err := subscribers.Checkpoint(ctx, p.pool, name)
		if err != nil {
			return 0, 0, err
		}
		last = min(last, checkpoint)
	}
	const sql = `SELECT count(*) FROM contrail.events WHERE position > $1 AND position <= $2`
	if done, err = p.count(ctx, sql, int64(last)); err != nil {
		return 0, 0, err
	}
	all, err := p.count(ctx, sql, math.MaxInt64)
	return done, all - done, err
}

func (p *performance) count(ctx context.Context, sql string, upTo int64) (n int64, err error) {
	if err := p.pool.QueryRow(ctx, sql, int64(p.began), max(upTo, int64(p.began))).Scan(&n); err != nil {
		return 0, fmt.Errorf("count the events: %w", err)
	}
	return n, nil
}

// judge compares: the stream with the database, and the read models with the aggregates.
func (p *performance) judge(ctx context.Context, report *demoReport) error {
	err := p.stages.time("verified", func() (_ int64, err error) {
		report.Verify, err = publisher.Verify(ctx, p.pool, p.js, publisher.VerifyConfig{Stream: p.servers.stream})
		return report.Verify.Events, err
	})
	if err != nil {
		return err
	}
	err = p.stages.time("compared", func() (_ int64, err error) {
		report.ReadModel, err = invoicing.Compare(ctx, p.pool, p.actor.TenantID)
		return int64(report.ReadModel.Organisations + report.ReadModel.Invoices), err
	})
	if err != nil {
		return err
	}
	drafted, err := invoicing.ReadDrafted(ctx, p.pool, p.actor.TenantID)
	if err != nil {
		return err
	}
	report.Invoices, report.DraftedTotal = drafted.Invoices, drafted.Totals
	report.Summary, err = invoicing.ReadSummaries(ctx, p.pool, p.actor.TenantID)
	return err
}
