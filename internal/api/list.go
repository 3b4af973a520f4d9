package api

import (
	"context"
	"net/url"
	"strconv"

	"github.com/contrail-events/contrail/domain"
)

// Paged is the part of a list that is asked for.
type Paged struct {
	Caller

	After string `query:"after" doc:"Begin after this one: next of the page before."`
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"At most so many."`
}

// Listed answers with a page of a list.
type Listed[V any] struct {
	Link string `header:"Link" doc:"The next page, as rel=\"next\"; none: this is the last."`
	Body Page[V]
}

// Page is a part of a list.
type Page[V any] struct {
	Items []V    `json:"items"`
	Next  string `json:"next,omitempty" doc:"after of the next page; none: this is the last."`
}

// OrganisationsInput asks for organisations.
type OrganisationsInput struct {
	Paged

	Status    string `query:"status" enum:"live,deleted" doc:"Default: live; with a reference, whatever they are."`
	Reference string `query:"reference" doc:"The one that has it."`
}

// ContactsInput asks for contacts.
type ContactsInput struct {
	OrganisationsInput

	OrganisationID string `query:"organisation_id" doc:"Only this organisation's."`
}

// InvoicesInput asks for invoices.
type InvoicesInput struct {
	Paged

	Status         string `query:"status" enum:"live,drafted,issued,paid,voided,deleted" doc:"Default: all that are not deleted; with a reference, whatever they are."`
	Reference      string `query:"reference" doc:"The one that has it."`
	OrganisationID string `query:"organisation_id" doc:"Only this organisation's."`
	ContactID      string `query:"contact_id" doc:"Only those to this contact."`
}

func (i *OrganisationsInput) filter() domain.ListFilter {
	return domain.ListFilter{Status: i.Status, Reference: i.Reference, After: i.After, Limit: i.Limit}
}

func (i *ContactsInput) filter() domain.ListFilter {
	filter := i.OrganisationsInput.filter()
	filter.OrganisationID = i.OrganisationID
	return filter
}

func (i *InvoicesInput) filter() domain.ListFilter {
	return domain.ListFilter{
		OrganisationID: i.OrganisationID, ContactID: i.ContactID, Status: i.Status, Reference: i.Reference, After: i.After, Limit: i.Limit,
	}
}

func (r resource[S, V]) list(ctx context.Context, actor domain.Actor, filter domain.ListFilter) (*Listed[V], error) {
	page, err := r.service.List(ctx, actor, filter)
	if err != nil {
		return nil, err
	}
	items := make([]V, len(page.Items))
	for i, aggregate := range page.Items {
		items[i] = r.show(aggregate, nil)
	}
	query := url.Values{}
	for name, value := range map[string]string{
		"organisation_id": filter.OrganisationID, "contact_id": filter.ContactID, "status": filter.Status, "reference": filter.Reference,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return listed(items, page.Next, nextPage{r.path(), query, filter.Limit}), nil
}

// nextPage is how to ask for the page after one.
type nextPage struct {
	path  string
	query url.Values
	limit int
}

func listed[V any](items []V, next string, how nextPage) *Listed[V] {
	answer := &Listed[V]{Body: Page[V]{Items: items, Next: next}}
	if next != "" {
		answer.Link = how.link(next)
	}
	return answer
}

// link is the header field's value.
func (p nextPage) link(after string) string {
	p.query.Set("after", after)
	p.query.Set("limit", strconv.Itoa(p.limit))
	return "<" + p.path + "?" + p.query.Encode() + `>; rel="next"`
}
