package dashboard

import (
	"context"
	"fmt"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/audit"
	"github.com/contrail-events/contrail/publisher/parked"
)

// parkedActions are what can be decided about parked events. They go on in the background: a hundred thousand take a while.
func (d *Dashboard) parkedActions() []action {
	target := func(r *request) string {
		relay := r.form("relay")
		switch rows := r.http.PostForm["row"]; r.form("which") {
		case whichSelected:
			return fmt.Sprintf("%s of stream %s", plural(int64(len(rows)), "parked event"), relay)
		case whichPage:
			return fmt.Sprintf("parked events of stream %s from position %s to %s", relay, r.form("first"), r.form("last"))
		}
		return fmt.Sprintf("all parked events of stream %s that match, up to position %s", relay, r.form("last"))
	}
	actions := []action{}
	for _, verb := range []parkedVerb{requeueParked(), withdrawParked(), discardParked()} {
		actions = append(actions, action{pattern: "/parked/" + verb.name, name: "parked." + verb.name, target: target, do: d.decideParked(verb), long: true})
	}
	return actions
}

// parkedBatch is how many events are decided about in one transaction: the relay waits for its locks.
const parkedBatch = 1000

func (d *Dashboard) decideParked(verb parkedVerb) func(ctx context.Context, r *request) ([]audit.Result, error) {
	return func(ctx context.Context, r *request) ([]audit.Result, error) {
		if verb.reason && r.reason() == "" {
			return nil, errBadInput("no reason is given; say why these events shall not be published")
		}
		which, err := whichOf(r.form("which"))
		if err != nil {
			return nil, err
		}
		filter, err := d.parkedFilter(filterOf(r.http.PostForm))
		if err != nil {
			return nil, err
		}
		decision := parked.Decision{By: r.by(), Note: r.reason()}
		collected := &progress{request: r, of: "event", past: verb.past}
		if which == whichSelected {
			return d.decideSeen(ctx, verb, filter.Relay, decision, collected)
		}
		bounds, err := parkedBounds(r.form("first"), r.form("last"), which)
		if err != nil {
			return nil, err
		}
		if filter.States = statesFor(filter.States, verb); len(filter.States) == 0 || bounds[1] == 0 {
			return nil, errBadInput("what is meant is not given; begin at the list of parked events, which says it")
		}
		filter.After, filter.Until = bounds[0], bounds[1]
		return d.decideMatching(ctx, verb, filter, decision, collected)
	}
}

// decideSeen decides about events that were ticked, unless somebody else has changed them since.
func (d *Dashboard) decideSeen(
	ctx context.Context, verb parkedVerb, relay string, decision parked.Decision, collected *progress,
) ([]audit.Result, error) {
	rows, err := seenIn(collected.request.http.PostForm["row"])
	if err != nil {
		return nil, err
	}
	events := make([]parked.Event, len(rows))
	for i, row := range rows {
		events[i] = parked.Event{Relay: relay, Position: contrail.Position(row.number), ChangedAt: row.at} //nolint:gosec // 63 bits
	}
	outcomes, err := verb.do(ctx, d.pool, parked.Seen(events...), decision)
	collected.addParked(outcomes)
	return collected.all(), err
}

// decideMatching decides about what the filter selects, batch by batch: each is done as a whole or not at all.
func (d *Dashboard) decideMatching(
	ctx context.Context, verb parkedVerb, filter parked.Filter, decision parked.Decision, collected *progress,
) ([]audit.Result, error) {
	filter.Limit = parkedBatch
	for more := true; more; {
		outcomes, err := verb.do(ctx, d.pool, parked.Matching(filter), decision)
		if err != nil {
			return collected.all(), explainCut(err, collected, "once more")
		}
		collected.addParked(outcomes)
		if more = len(outcomes) == parkedBatch; more {
			filter.After = outcomes[len(outcomes)-1].Position
		}
		if filter.After >= filter.Until {
			break
		}
	}
	return collected.all(), nil
}

func (p *progress) addParked(outcomes []parked.Outcome) {
	for _, outcome := range outcomes {
		result := audit.Result{What: fmt.Sprintf("position %d", outcome.Position), Outcome: audit.Done, Detail: outcome.Text}
		if !outcome.Done {
			result.Outcome = audit.Refused
		}
		p.add(result)
	}
}
