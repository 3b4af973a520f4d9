package dashboard

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/contrail-events/contrail/internal/audit"
)

// auditEvery is how often the entry of an action that goes on is read again.
const auditEvery = time.Second

func (d *Dashboard) auditPages() []page {
	return []page{
		{pattern: "/audit", section: "/audit", title: "Audit log", template: "audit.html", read: d.readAudit},
		{pattern: "/audit/{id}", section: "/audit", title: "Audit entry", template: "auditentry.html", every: auditEvery, read: d.readAuditEntry},
	}
}

// auditList is a page of the log.
type auditList struct {
	Pager

	Items    []audit.Entry   `json:"items"`
	Filter   audit.Filter    `json:"-"`
	Outcomes []audit.Outcome `json:"-"`
	Filtered bool            `json:"-"`
}

func (d *Dashboard) readAudit(ctx context.Context, r *request) (any, error) {
	filter, err := r.auditFilter()
	if err != nil {
		return nil, err
	}
	rows := filter.Limit
	filter.Limit = min(rows+1, audit.MostEntries) // one more tells whether there are more
	found, err := d.audit.List(ctx, filter)
	if err != nil {
		return nil, err
	}
	view := auditList{Items: found, Filter: filter, Outcomes: audit.Outcomes(), Filtered: len(r.query()) > 0}
	view.Items, view.Pager = paged(found, rows, paging{after: filter.After > 0, before: filter.Before > 0}, func(e audit.Entry) string {
		return strconv.FormatInt(e.ID, 10)
	})
	return view, nil
}

func (r *request) auditFilter() (f audit.Filter, err error) {
	query := r.query()
	f = audit.Filter{Who: query.Get("who"), Action: query.Get("action"), Outcome: audit.Outcome(query.Get("outcome"))}
	from, wrongFrom := r.time("from")
	to, wrongTo := r.time("to")
	limit, wrongLimit := r.limit()
	after, wrongAfter := r.id("after")
	before, wrongBefore := r.id("before")
	if err = errors.Join(wrongFrom, wrongTo, wrongLimit, wrongAfter, wrongBefore); err != nil {
		return f, err
	}
	f.From, f.To, f.Limit, f.After, f.Before = from, to, min(limit, audit.MostEntries-1), after, before
	if err := f.Validate(); err != nil {
		return f, errBadInput(err.Error())
	}
	return f, nil
}

// auditEntry is one, with its results.
type auditEntry struct {
	audit.Entry

	From string `json:"-"` // the page that the action was done on
}

// Title is what was done.
func (e auditEntry) Title() string { return e.Action + " " + e.Target }

// Open tells whether it goes on, or its process has died.
func (e auditEntry) Open() bool { return e.EndedAt == nil }

func (d *Dashboard) readAuditEntry(ctx context.Context, r *request) (any, error) {
	id, err := strconv.ParseInt(r.path("id"), 10, 64)
	if err != nil {
		return nil, errNotFound("audit entry " + r.path("id"))
	}
	entry, err := d.audit.Get(ctx, id)
	if errors.Is(err, audit.ErrNotFound) {
		return nil, errNotFound("audit entry " + r.path("id"))
	}
	if err != nil {
		return nil, err
	}
	view := auditEntry{Entry: entry}
	if from := insideOnly(r.query().Get("from")); from != "/" {
		view.From = from
	}
	return view, nil
}
