package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/rule"
	"github.com/contrail-events/contrail/internal/invoicing"
)

// invoicesShowVerb shows one invoice.
type invoicesShowVerb struct {
	tenantFlag

	Invoice string `arg:"" help:"Which: its id, or its reference."`
	JSON    bool   `name:"json" help:"Print one JSON line."`
}

// Help teaches.
func (*invoicesShowVerb) Help() string {
	return `Shows one invoice: how it stands, its lines, and the events that made it so. Deleted ones are shown, too. It exits 1 when the tenant
has no such invoice.

Examples:

  contrail invoices show 0192d9a1-7c3e-7c4e-9a30-0f3f2f4b5a6c --tenant t-1
  contrail invoices show a-1 --tenant t-1 --json | jq .events`
}

// toldInvoice is what --json prints.
type toldInvoice struct {
	shownInvoice

	Events []toldEvent `json:"events"`
}

type toldEvent struct {
	ID        uuid.UUID         `json:"id"`
	Type      string            `json:"type"`
	Version   int64             `json:"version"`
	Position  contrail.Position `json:"position"`
	Body      json.RawMessage   `json:"body"`
	CreatedAt time.Time         `json:"created_at"`
}

// Run shows.
func (v *invoicesShowVerb) Run(ctx context.Context, a *app) error {
	actor, err := v.actor("")
	if err != nil {
		return err
	}
	return v.withInvoicing(ctx, a, 1, func(ctx context.Context, services invoicing.Services) error {
		found, err := v.find(ctx, services, actor)
		if err != nil {
			return err
		}
		shown := shownInvoice{found.State, found.Version}
		if !v.JSON {
			a.printInvoice(shown, found.Events)
			return nil
		}
		told := toldInvoice{shownInvoice: shown}
		for _, event := range found.Events {
			told.Events = append(told.Events, toldEvent{
				event.ID, event.Type, event.Version, event.Position, event.Data, event.RecordedAt.UTC(),
			})
		}
		return a.printJSON(told)
	})
}

// find goes by the id, and where there is none such by the reference.
func (v *invoicesShowVerb) find(ctx context.Context, services invoicing.Services, actor domain.Actor) (domain.Found[invoice.State], error) {
	found, err := services.Invoices.Find(ctx, actor, v.Invoice)
	if !errors.Is(err, domain.ErrNotFound) || rule.Reference(v.Invoice) != nil || v.Invoice == "" {
		return found, err
	}
	page, listErr := services.Invoices.List(ctx, actor, domain.ListFilter{Reference: v.Invoice, Limit: 1})
	switch {
	case listErr != nil:
		return found, listErr
	case len(page.Items) == 0:
		return found, err
	}
	return services.Invoices.Find(ctx, actor, page.Items[0].ID)
}

func (a *app) printInvoice(i shownInvoice, events []contrail.Recorded) {
	rows := [][]string{
		{"invoice", i.ID},
		{"reference", orDash(printable(i.Reference))},
		{"status", invoiceStatus(i)},
		{"organisation", i.OrganisationID},
		{"contact", i.ContactID},
		{"drafted on", orDash(i.DraftedOn.String())},
		{"due", i.DueDate.String()},
		{"total", i.SubTotal.String()},
	}
	for _, moment := range []struct {
		name string
		at   time.Time
	}{{"issued", i.IssuedAt}, {"paid", i.PaidAt}, {"deleted", i.DeletedAt}} {
		if !moment.at.IsZero() {
			rows = append(rows, []string{moment.name, moment.at.Format(time.RFC3339)})
		}
	}
	a.printPairs(rows)
	lines := [][]string{{"line", "description", "unit amount", "quantity", "total"}}
	for n, line := range i.LineItems {
		lines = append(lines, lineRow(n, line))
	}
	a.printf("\n")
	a.printTable(lines, 0, 2, 3, 4)
	history := [][]string{{"version", "event", "recorded", "position"}}
	for _, event := range events {
		history = append(history, []string{
			strconv.FormatInt(event.Version, 10), event.Type, event.RecordedAt.UTC().Format(timeLayout), fmt.Sprint(event.Position),
		})
	}
	a.printf("\n")
	a.printTable(history, 0, 3)
}

// usageIfInvalid is wrong usage where a rule says that what was given is.
func usageIfInvalid(err error) error {
	if errors.Is(err, rule.ErrInvalid) {
		return usageError{err.Error()}
	}
	return err
}
