package main

import (
	"context"
	"iter"
	"strconv"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/internal/invoicing"
)

// invoicesListVerb lists invoices.
type invoicesListVerb struct {
	tenantFlag

	Organisation string `env:"-" placeholder:"ID" help:"Invoices of the organisation with this id."`
	Contact      string `env:"-" placeholder:"ID" help:"Invoices to the contact with this id."`
	Status       string `env:"-" enum:"any,drafted,issued,paid,voided,deleted" default:"any" help:"Invoices in this status, one of ${enum}. any leaves out those that are deleted, unless --reference names one."`
	Reference    string `env:"-" placeholder:"REFERENCE" help:"The invoice with this reference, also if it is deleted."`
	After        string `env:"-" placeholder:"ID" help:"Those behind the invoice with this id."`
	Limit        int64  `env:"-" default:"50" help:"At most so many, the oldest; 0: no limit."`
	JSON         bool   `name:"json" help:"Print JSON lines."`
}

// Help teaches.
func (*invoicesListVerb) Help() string {
	return `Lists a tenant's invoices in the order in which they were made, as the events have it: no read model is asked. It exits 0 whether
there are any or none.

Examples:

  contrail invoices list --tenant t-1
  contrail invoices list --tenant t-1 --status issued --limit 0 --json | jq -r .sub_total.amount
  contrail invoices list --tenant t-1 --reference a-1`
}

// shownInvoice is what --json prints.
type shownInvoice struct {
	invoice.State

	Version int64 `json:"version"`
}

// Run lists.
func (v *invoicesListVerb) Run(ctx context.Context, a *app) error {
	actor, err := v.actor("")
	if err != nil {
		return err
	}
	if v.Limit < 0 {
		return usagef("--limit is %d; give 0 or more", v.Limit)
	}
	return v.withInvoicing(ctx, a, 1, func(ctx context.Context, services invoicing.Services) error {
		return listing[shownInvoice]{
			title: []string{"invoice", "status", "due", "total", "reference"}, row: invoiceRow, right: []int{3},
			none: "no invoices", limit: v.Limit, asJSON: v.JSON,
			more: func(last shownInvoice) string { return "give --limit, or --after " + last.ID },
		}.print(a, v.invoices(ctx, services, actor))
	})
}

// invoices yields page after page.
func (v *invoicesListVerb) invoices(ctx context.Context, services invoicing.Services, actor domain.Actor) iter.Seq2[shownInvoice, error] {
	return func(yield func(shownInvoice, error) bool) {
		filter, left := v.filter(), oneMore(v.Limit, v.JSON)
		for more := true; more; {
			if v.Limit > 0 {
				filter.Limit = int(min(left, domain.MaxLimit))
			}
			page, err := services.Invoices.List(ctx, actor, filter)
			if err != nil {
				yield(shownInvoice{}, usageIfInvalid(err))
				return
			}
			for _, one := range page.Items {
				if !yield(shownInvoice{one.State, one.Version}, nil) {
					return
				}
			}
			filter.After = page.Next
			left -= int64(len(page.Items))
			more = page.Next != "" && (v.Limit == 0 || left > 0)
		}
	}
}

func (v *invoicesListVerb) filter() domain.ListFilter {
	filter := domain.ListFilter{
		OrganisationID: v.Organisation, ContactID: v.Contact, Status: v.Status, Reference: v.Reference, After: v.After, Limit: domain.MaxLimit,
	}
	if v.Status == "any" {
		filter.Status = ""
	}
	return filter
}

func invoiceRow(i shownInvoice) []string {
	return []string{i.ID, invoiceStatus(i), i.DueDate.String(), i.SubTotal.String(), orDash(printable(i.Reference))}
}

// invoiceStatus is where an invoice stands, in a word or two.
func invoiceStatus(i shownInvoice) string {
	if !i.DeletedAt.IsZero() {
		return string(i.Status) + ", deleted"
	}
	return string(i.Status)
}

func lineRow(n int, line invoice.LineItem) []string {
	total := "" // one that is too large has made no event
	if sum, err := line.Total(); err == nil {
		total = sum.String()
	}
	return []string{strconv.Itoa(n + 1), printable(line.Description), line.UnitAmount.String(), strconv.Itoa(line.Quantity), total}
}
