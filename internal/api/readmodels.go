package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/rule"
	"github.com/contrail-events/contrail/internal/invoicing"
)

// Fresh says how new a read model must be.
type Fresh struct {
	AtLeast int64 `query:"at_least" minimum:"1" doc:"Wait, for some seconds, until it tells of the event at this position: Contrail-Position of a command."`
}

// Viewed answers with a read model.
type Viewed[B any] struct {
	Position string `header:"Contrail-Position" doc:"How far the read model is."`
	Link     string `header:"Link" doc:"The next page, as rel=\"next\", of those that have pages; none: this is the last."`
	Body     B
}

// SummaryInput asks how an organisation's invoices stand.
type SummaryInput struct {
	Caller
	Identified
	Fresh
}

// SummaryView is a summary, and how far it is.
type SummaryView struct {
	Position contrail.Position `json:"position" doc:"How far the read model is."`
	invoicing.Summary
}

// StatementInput asks for what an organisation was owed.
type StatementInput struct {
	Caller
	Identified
	Fresh

	After int64 `query:"after" minimum:"0" doc:"Begin after this position: next of the page before."`
	Limit int   `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"At most so many lines."`
}

// StatementView is a page of a statement, and how far it is.
type StatementView struct {
	Position contrail.Position `json:"position" doc:"How far the read model is."`
	invoicing.Statement
}

// OverdueInput asks for invoices that are overdue.
type OverdueInput struct {
	Paged
	Fresh

	OrganisationID string `query:"organisation_id" doc:"Only this organisation's."`
	Day            string `query:"day" doc:"On which they are overdue. Default: today, in UTC." example:"2026-02-01"`
}

// OverdueView is a page of what is overdue, and how far that is.
type OverdueView struct {
	Position contrail.Position `json:"position" doc:"How far the read model is."`
	invoicing.Overdue
}

func (a *API) addReadModels() {
	get := func(id, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: http.MethodGet, Path: root + path, Summary: summary, Tags: []string{tagReadModel}}
	}
	handle(a, get("summary", "organisation/{id}/summary", "How an organisation's invoices stand, by status and currency"), a.summary)
	handle(a, get("statement", "organisation/{id}/statement", "What an organisation was owed, movement by movement"), a.statement)
	handle(a, get("overdue", "invoice/overdue", "The invoices that are overdue on a day, those for longest first"), a.overdue)
}

func (a *API) summary(ctx context.Context, in *SummaryInput) (*Viewed[SummaryView], error) {
	view, err := a.config.Reader.Summary(ctx, in.Tenant, in.ID, contrail.Position(in.AtLeast))
	if err != nil {
		return nil, err
	}
	return &Viewed[SummaryView]{Position: position(view.Position), Body: SummaryView{view.Position, view.Value}}, nil
}

func (a *API) statement(ctx context.Context, in *StatementInput) (*Viewed[StatementView], error) {
	page := invoicing.StatementPage{After: contrail.Position(in.After), Limit: in.Limit}
	view, err := a.config.Reader.Statement(ctx, in.Tenant, in.ID, page, contrail.Position(in.AtLeast))
	if err != nil {
		return nil, err
	}
	answer := &Viewed[StatementView]{Position: position(view.Position), Body: StatementView{view.Position, view.Value}}
	if view.Value.Next > 0 {
		answer.Link = nextPage{root + "organisation/" + in.ID + "/statement", url.Values{}, in.Limit}.link(position(view.Value.Next))
	}
	return answer, nil
}

func (a *API) overdue(ctx context.Context, in *OverdueInput) (*Viewed[OverdueView], error) {
	var day invoice.Date
	if err := rule.Check(rule.At("day", day.UnmarshalText([]byte(in.Day)))); err != nil {
		return nil, err
	}
	filter := invoicing.OverdueFilter{OrganisationID: in.OrganisationID, Day: day, After: in.After, Limit: in.Limit}
	view, err := a.config.Reader.Overdue(ctx, in.Tenant, filter, contrail.Position(in.AtLeast))
	if err != nil {
		return nil, err
	}
	answer := &Viewed[OverdueView]{Position: position(view.Position), Body: OverdueView{view.Position, view.Value}}
	if view.Value.Next != "" {
		query := url.Values{"day": {view.Value.Day.String()}} // the next page is of the same day, also after midnight
		if in.OrganisationID != "" {
			query.Set("organisation_id", in.OrganisationID)
		}
		answer.Link = nextPage{root + "invoice/overdue", query, in.Limit}.link(view.Value.Next)
	}
	return answer, nil
}

func position(p contrail.Position) string { return strconv.FormatInt(int64(p), 10) }

// refusedByReader is nil for an error that is not about a position.
func refusedByReader(err error) *Problem {
	if behind, is := errors.AsType[*invoicing.BehindError](err); is {
		p := problem(kindBehind, err.Error()).with(headerPosition, position(behind.Position))
		p.Position = &behind.Position
		return p
	}
	if errors.Is(err, invoicing.ErrNoSuchPosition) {
		return faulty(kindNoPosition, []Fault{{Location: "query.at_least", Code: "position.future", Message: err.Error()}})
	}
	return nil
}
