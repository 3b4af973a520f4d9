package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/contrail-events/contrail/domain"
)

const root = "/accountify/"

// resource is one kind of aggregate. S is its state, V what is shown of it.
type resource[S, V any] struct {
	category string // of its streams, and the last part of its path
	tag      string
	service  service[S]
	show     func(aggregate domain.Aggregate[S], events []Event) V
}

// service is what is asked of a kind.
type service[S any] interface {
	FindAt(ctx context.Context, actor domain.Actor, id string, at domain.At) (domain.Found[S], error)
	List(ctx context.Context, actor domain.Actor, filter domain.ListFilter) (domain.Page[S], error)
}

func (r resource[S, V]) path() string { return root + r.category }

// op describes an operation; path goes on after the kind's own.
func (r resource[S, V]) op(id, method, path, summary string) huma.Operation {
	return huma.Operation{OperationID: id + "-" + r.category, Method: method, Path: r.path() + path, Summary: summary, Tags: []string{r.tag}}
}

// addReads adds what every kind is asked.
func addReads[S, V any](a *API, r resource[S, V]) {
	find := r.op("find", http.MethodGet, "/{id}", "Find one, also a deleted one, with its events, as it is or was")
	find.Responses = map[string]*huma.Response{strconv.Itoa(http.StatusNotModified): {Description: "The client has this version."}}
	handle(a, find, r.find)
	handle(a, r.op("history-of", http.MethodGet, "/{id}/events", "List the events of one"), r.history)
}

// addList adds the list of a kind, whose filters are its own.
func addList[S, V any, I any](a *API, r resource[S, V], filter func(in *I) (Caller, domain.ListFilter)) {
	handle(a, r.op("list", http.MethodGet, "", "List them by their ids, which is in the order in which they were made"),
		func(ctx context.Context, in *I) (*Listed[V], error) {
			caller, selection := filter(in)
			return r.list(ctx, caller.actor(ctx), selection)
		})
}

// Moment is a point in the past.
type Moment struct {
	Version int64  `query:"version" minimum:"1" doc:"As it was at this version."`
	AsOf    string `query:"as_of" doc:"As it was at this time (RFC 3339)." example:"2026-01-31T12:00:00Z"`
}

func (m *Moment) at() (domain.At, error) {
	at := domain.At{Version: m.Version}
	if m.AsOf == "" {
		return at, nil
	}
	var err error
	if at.Time, err = parseTime(m.AsOf); err != nil {
		return at, faulty(kindInvalid, []Fault{{Location: "query.as_of", Code: "time", Message: "is no time: write it as 2026-01-31T12:00:00Z (RFC 3339)"}})
	}
	return at, nil
}
