package api

import (
	"context"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
)

// Keyed is what may be said of every command.
type Keyed struct {
	Key string `header:"Idempotency-Key" doc:"1 to 255 printable ASCII characters of the client's own. The same command with the same key is done once, and answered alike."`
}

// Conditional is what may be said of a command on an aggregate that there is.
type Conditional struct {
	Keyed

	IfMatch string `header:"If-Match" doc:"Versions as ETag gave them, one of which the aggregate must be at. * is any." example:"\"3\""`
}

func (k *Keyed) options() []domain.Option {
	if k.Key == "" {
		return nil
	}
	return []domain.Option{domain.Once(k.Key)}
}

// options are those of the headers. A weak tag, or one that is no version, matches nothing.
func (c *Conditional) options() ([]domain.Option, error) {
	options := c.Keyed.options()
	condition, ok := parseCondition(c.IfMatch)
	switch {
	case !ok:
		return nil, problem(kindMalformed, `If-Match is no list of entity tags: write it as "3", or as "3", "4"`)
	case condition.given && !condition.any:
		options = append(options, domain.IfVersion(condition.versions...))
	}
	return options, nil
}

// Commanded answers a command.
type Commanded struct {
	Location string `header:"Location" doc:"Of what was made."`
	ETag     string `header:"ETag" doc:"The aggregate's version." example:"\"1\""`
	Position string `header:"Contrail-Position" doc:"The position of the last event."`
	Replayed string `header:"Idempotent-Replayed" doc:"true when it was done before, by the same command with the same Idempotency-Key."`
	Body     Result
}

// Result is what a command did.
type Result struct {
	ID     string        `json:"id" doc:"The aggregate's."`
	Events []ResultEvent `json:"events" doc:"What was appended, in order."`
}

// ResultEvent is an event in a Result.
type ResultEvent struct {
	ID   string `json:"id"`
	Type string `json:"type" example:"InvoiceDrafted"`
}

// commanded answers what a service returned.
func commanded(result domain.Result, err error) (*Commanded, error) {
	if err != nil {
		return nil, err
	}
	answer := &Commanded{ETag: etag(result.Version), Body: Result{ID: result.ID, Events: make([]ResultEvent, len(result.Events))}}
	var last contrail.Position
	for i, event := range result.Events {
		answer.Body.Events[i] = ResultEvent{ID: event.ID.String(), Type: event.Type}
		last = max(last, event.Position)
	}
	answer.Position = position(last)
	if result.Repeated {
		answer.Replayed = "true"
	}
	return answer, nil
}

// created answers what made an aggregate of a kind.
func created(category string, result domain.Result, err error) (*Commanded, error) {
	answer, err := commanded(result, err)
	if err == nil {
		answer.Location = root + category + "/" + result.ID
	}
	return answer, err
}

// CommandInput is a command that says nothing but its name.
type CommandInput struct {
	Caller
	Identified
	Conditional
}

// simple is a command on an aggregate that takes nothing else.
func simple(
	do func(ctx context.Context, actor domain.Actor, id string, options ...domain.Option) (domain.Result, error),
) func(ctx context.Context, in *CommandInput) (*Commanded, error) {
	return func(ctx context.Context, in *CommandInput) (*Commanded, error) {
		options, err := in.options()
		if err != nil {
			return nil, err
		}
		return commanded(do(ctx, in.actor(ctx), in.ID, options...))
	}
}
