package dashboard

import (
	"fmt"
	"slices"
	"strings"

	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// sentence says where the event stands: what waits for a person comes first.
func (j journey) sentence(incomplete bool) string {
	clauses := []string{j.Published.sentence()}
	if j.Published.Sequence > 0 || len(j.Consumers) > 0 && j.Published.State == publicationGone {
		clauses = append(clauses, j.consumed())
	}
	clauses = append(clauses, j.effects())
	if incomplete {
		clauses = append(clauses, "not everything could be read")
	}
	text := strings.Join(slices.DeleteFunc(clauses, func(c string) bool { return c == "" }), "; ")
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// sentence is a clause about the publication.
func (p publication) sentence() string {
	switch p.State {
	case publicationPublished:
		text := fmt.Sprintf("published as message %d of %s", p.Sequence, p.Stream)
		if p.Resent != "" {
			text += ", out of its order"
		}
		return text
	case publicationWaiting:
		if p.Ahead > 0 {
			return "appended, and not published yet: " + eachOf(p.Ahead, "position is", "positions are") + " before it"
		}
		return "appended, and not published yet: it is next"
	case publicationParked:
		return "parked: the broker has refused it, and a person has to decide"
	case publicationHeld:
		if p.Behind > 0 {
			return fmt.Sprintf("held: it waits until the event at position %d, which is parked, is requeued or discarded", p.Behind)
		}
		return "held: it waits for a parked event of its own stream"
	case publicationRequeued:
		return "requeued: the relay publishes it next"
	case publicationDiscarded:
		return "discarded: a person has decided that it shall not be published"
	case publicationGone:
		return "published, and " + p.Stream + " does not have it any more"
	case publicationMissing:
		return "missing: " + p.Stream + " is further, and does not have it; contrail verify --repair publishes it again"
	case publicationUnknown:
	}
	return "appended; where it stands in " + p.Stream + " is not known"
}

// consumed counts how far the consumers are.
func (j journey) consumed() string {
	if len(j.Consumers) == 0 {
		return "no consumer takes it"
	}
	counts := map[passageState][]string{}
	done := 0
	for _, one := range j.Consumers {
		if one.State == passageHandled || one.State == passageSettled {
			done++
		} else {
			counts[one.State] = append(counts[one.State], one.Durable)
		}
	}
	if done == len(j.Consumers) {
		return eachOf(done, "consumer has", "consumers have") + " settled it"
	}
	var clauses []string
	for _, state := range []struct {
		is   passageState
		text string
	}{
		{passageDead, "given up by"},
		{passageRequeued, "requeued to"},
		{passageInHand, "in hand at"},
		{passageWaiting, "waiting for"},
		{passageUnpublished, "not sent to"},
		{passageUnknown, "unknown at"},
	} {
		if names := counts[state.is]; len(names) > 0 {
			clauses = append(clauses, state.text+" "+named(names))
		}
	}
	if done > 0 {
		clauses = append(clauses, fmt.Sprintf("settled by %d of %d consumers", done, len(j.Consumers)))
	}
	return strings.Join(clauses, ", ")
}

// effects is what was set off and is not over.
func (j journey) effects() string {
	var clauses []string
	open, held, halted := 0, 0, 0
	for _, one := range j.Deliveries {
		switch {
		case one.Standing == deliveries.StandingHeld:
			held++
		case !one.State.Ended():
			open++
		}
	}
	for _, one := range j.Runs {
		if one.Status == "halted" {
			halted++
		}
	}
	if held > 0 {
		clauses = append(clauses, eachOf(held, "delivery is", "deliveries are")+" held for a person")
	}
	if open > 0 {
		clauses = append(clauses, eachOf(open, "delivery is", "deliveries are")+" under way")
	}
	if halted > 0 {
		clauses = append(clauses, eachOf(halted, "run is", "runs are")+" halted")
	}
	return strings.Join(clauses, ", ")
}

// eachOf is "1 delivery is", "3 deliveries are".
func eachOf[T int | int64](n T, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// named are names in a sentence, some of them where there are many.
func named(names []string) string {
	const shown = 3
	if len(names) > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	return strings.Join(names, ", ")
}
