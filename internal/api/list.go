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
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"At most so many; a page of long invoices may have fewer."`
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
	items, next, err := r.page(ctx, actor, filter)
	if err != nil {
		return nil, err
	}
	query := url.Values{}
	for name, value := range map[string]string{
		"organisation_id": filter.OrganisationID, "contact_id": filter.ContactID, "status": filter.Status, "reference": filter.Reference,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return listed(items, next, nextPage{r.path(), query, filter.Limit}), nil
}

const (
	readAtOnce = 50    // aggregates
	pageLines  = 3_000 // of invoices: 200 long ones would take more than a hundred megabytes, for each of the requests at work
)

// page reads so many as are asked for, or fewer where they are long.
func (r resource[S, V]) page(ctx context.Context, actor domain.Actor, filter domain.ListFilter) (items []V, next string, err error) {
	items, lines, wanted := []V{}, 0, filter.Limit
	for {
		filter.Limit = min(wanted-len(items), readAtOnce)
		page, err := r.service.List(ctx, actor, filter)
		if err != nil {
			return nil, "", err
		}
		for _, aggregate := range page.Items {
			item := r.show(aggregate, nil)
			if invoice, is := any(item).(Invoice); is {
				lines += len(invoice.LineItems)
			}
			items = append(items, item)
		}
		if page.Next == "" || len(items) >= wanted || lines >= pageLines {
			return items, page.Next, nil
		}
		filter.After = page.Next
	}
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
