package domain

import (
	"context"
	"fmt"
	"slices"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/organisation"
	"github.com/contrail-events/contrail/domain/rule"
)

// How many aggregates a page of a list has.
const (
	DefaultLimit = 50
	MaxLimit     = 200
)

// ListFilter selects aggregates of one kind. Fields that are set narrow it down together; the zero value is the first page of all that
// are not deleted.
type ListFilter struct {
	OrganisationID string // of contacts and invoices: belonging to this organisation
	ContactID      string // of invoices: to this contact
	Status         string // StatusLive: all that are not deleted, as is ""; StatusDeleted; of invoices also an invoice.Status
	Reference      string // the one that has it; with Status "" it is found also when it is deleted
	After          string // only ids after this one: Page.Next of the page before
	Limit          int    // 1 to MaxLimit; 0: DefaultLimit
}

// Page is a part of a list, in the order of the ids, which is that in which they were made where ids are UUIDv7.
type Page[S any] struct {
	Items []Aggregate[S]
	Next  string // ListFilter.After for the next page; "": there is none
}

// check returns rule.FieldErrors with every fault.
func (f ListFilter) check(kind string) error {
	faults := []*rule.FieldError{rule.Reference(f.Reference)}
	fault := func(bad bool, field string, err error) {
		if bad {
			faults = append(faults, rule.At(field, err))
		}
	}
	fault(f.OrganisationID != "" && kind == organisation.Category, "organisation_id", ErrFilter)
	fault(f.ContactID != "" && kind != invoice.Category, "contact_id", ErrFilter)
	fault(!slices.Contains(statuses(kind), f.Status), "status", fmt.Errorf("%w (it is %.40q)", ErrStatus, f.Status))
	fault(f.After != "" && !isCanonical(f.After), "after", ErrAfter)
	fault(f.Limit < 0 || f.Limit > MaxLimit, "limit", ErrLimit)
	return rule.Check(faults...)
}

func statuses(kind string) []string {
	all := []string{"", StatusLive, StatusDeleted}
	if kind == invoice.Category {
		for _, status := range invoice.Statuses() {
			all = append(all, string(status))
		}
	}
	return all
}

// isEmpty tells whether nothing can be selected, since an id is none.
func (f ListFilter) isEmpty() bool {
	return f.OrganisationID != "" && !isCanonical(f.OrganisationID) || f.ContactID != "" && !isCanonical(f.ContactID)
}

// list is the query: a page of aggregates.
func (h handler[S, C, E]) list(ctx context.Context, actor Actor, filter ListFilter) (Page[S], error) {
	if err := actor.check(); err != nil {
		return Page[S]{}, err
	}
	if err := filter.check(h.decider.Category); err != nil || filter.isEmpty() {
		return Page[S]{}, err
	}
	if filter.Limit == 0 {
		filter.Limit = DefaultLimit
	}
	query := ListQuery{TenantID: actor.TenantID, Kind: h.decider.Category, ListFilter: filter}
	query.Limit++ // one more tells whether there is another page
	var streams [][]contrail.Recorded
	err := h.transactor.InTx(ctx, func(ctx context.Context, tx Tx) (err error) {
		streams, err = tx.List(ctx, query)
		return err
	})
	if err != nil {
		return Page[S]{}, fmt.Errorf("list %ss: %w", h.decider.Category, err)
	}
	var page Page[S]
	last := ""
	for n, stream := range streams {
		if n == filter.Limit {
			page.Next = last
			break
		}
		if len(stream) > 0 {
			last = stream[0].Stream.ID()
		}
		if !actor.owns(stream) { // then find does not find it, either
			continue
		}
		aggregate, err := h.decider.fold(stream)
		if err != nil {
			return Page[S]{}, err
		}
		page.Items = append(page.Items, aggregate)
	}
	return page, nil
}

func (d Decider[S, C, E]) fold(stream []contrail.Recorded) (aggregate Aggregate[S], err error) {
	for _, recorded := range stream {
		if aggregate, err = d.Apply(aggregate, recorded); err != nil {
			return aggregate, err
		}
	}
	return aggregate, nil
}
