package picture

import (
	"net/url"

	"github.com/contrail-events/contrail/subscribers/steps"
	"github.com/contrail-events/contrail/subscribers/webhook"
)

// deliveryProblems are about deliveries that nobody makes.
func (r *Reader) deliveryProblems(p Picture) (found []Problem) {
	for _, one := range p.Deliveries {
		where := atDeliveries + "?consumer=" + url.QueryEscape(one.Consumer)
		if one.Held.N > 0 {
			found = append(found, warning(where+"&standing=held", "contrail deliveries list --held --consumer "+one.Consumer+", then redrive or cancel",
				"%s of %s %s held for a person", numbered(one.Held, "delivery"), one.Consumer, one.Held.is()))
		}
		if one.Stuck.N > 0 {
			found = append(found, warning(where+"&standing=stuck", "start the consumer, or contrail deliveries recover",
				"%s of %s %s under way and nobody completes them: their processes have died", numbered(one.Stuck, "delivery"), one.Consumer, one.Stuck.is()))
		}
		if one.Exhausted.N > 0 {
			found = append(found, warning(where+"&state=cancelled", "contrail deliveries list --state cancelled --consumer "+one.Consumer+"; redrive what is still wanted",
				"%s of %s %s been given up since yesterday", numbered(one.Exhausted, "delivery"), one.Consumer, one.Exhausted.has()))
		}
	}
	return found
}

// runProblems are about runs that stand still.
func (r *Reader) runProblems(p Picture) (found []Problem) {
	for _, one := range p.Runs {
		name := "of workflow " + one.Workflow
		if one.Workflow == "" {
			name = "without a workflow"
		}
		where := atRuns + "?workflow=" + url.QueryEscape(one.Workflow)
		if halted := one.States[steps.Halted]; halted.N > 0 {
			found = append(found, warning(where+"&state=halted", "contrail runs list --state halted, then retry or cancel",
				"%s %s %s halted until a person decides", numbered(halted, "run"), name, halted.is()))
		}
		if one.Overdue.N > 0 {
			found = append(found, warning(where, "see that its worker runs; contrail runs list --overdue "+span(r.config.Limits.Overdue.Seconds()),
				"%s %s %s due for more than %s, and nobody performs them", numbered(one.Overdue, "run"), name, one.Overdue.is(), span(r.config.Limits.Overdue.Seconds())))
		}
	}
	return found
}

// mostTold is how many endpoints have a sentence of their own.
const mostTold = 5

// webhookProblems are about endpoints that get nothing.
func (r *Reader) webhookProblems(p Picture) (found []Problem) {
	if p.Webhooks == nil {
		return nil
	}
	for i, one := range p.Webhooks.Troubled {
		if rest := p.Webhooks.Open + p.Webhooks.Disabled - mostTold; i == mostTold {
			return append(found, warning(atWebhooks, "contrail webhooks list", "%s more get no events", numbered(Count{N: rest}, "endpoint")))
		}
		where, id := atWebhooks+"/"+one.ID.String(), one.ID.String()
		if one.State == webhook.StateDisabled {
			found = append(found, warning(where, "contrail webhooks enable "+id+", or remove", "endpoint %s is disabled: %s", one.URL, orNone(one.Reason)))
			continue
		}
		found = append(found, warning(where, "tell its owner; contrail webhooks show "+id,
			"endpoint %s has failed %s in a row, and is only probed: %s", one.URL, numbered(Count{N: int64(one.Failures)}, "time"), orNone(one.LastError)))
	}
	return found
}

func orNone(text string) string {
	if text == "" {
		return "no reason is given"
	}
	return text
}
