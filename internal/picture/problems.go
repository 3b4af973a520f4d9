package picture

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The pages of the dashboard that problems lead to.
const (
	atHealth      = "/health"
	atRelays      = "/relays"
	atParked      = "/parked"
	atConsumers   = "/consumers"
	atProjections = "/projections"
	atLetters     = "/dead-letters"
	atDeliveries  = "/deliveries"
	atWebhooks    = "/webhooks"
	atRuns        = "/runs"
)

// problems are what is wrong in a picture, by its figures alone: the worst first, and those that cause others before these.
func (r *Reader) problems(p Picture) []Problem {
	found := slices.Concat(
		r.serverProblems(p), r.relayProblems(p), r.storeProblems(p), r.parkedProblems(p),
		r.consumerProblems(p), r.letterProblems(p), r.projectionProblems(p), r.deliveryProblems(p), r.runProblems(p), r.webhookProblems(p))
	slices.SortStableFunc(found, func(a, b Problem) int { return cmp.Compare(a.Severity.rank(), b.Severity.rank()) })
	return found
}

// rank puts the worst first.
func (s Severity) rank() int {
	if s == Danger {
		return 0
	}
	return 1
}

// danger makes a Problem.
func danger(where, do, what string, args ...any) Problem {
	return Problem{Severity: Danger, What: fmt.Sprintf(what, args...), Do: do, Where: where}
}

// warning makes a Problem.
func warning(where, do, what string, args ...any) Problem {
	return Problem{Severity: Warning, What: fmt.Sprintf(what, args...), Do: do, Where: where}
}

// span writes a length of time as a person would, from seconds.
func span(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	case d < 2*day:
		text := d.Round(time.Second).String()
		if stem, ok := strings.CutSuffix(text, "m0s"); ok {
			text = stem + "m"
		}
		return text
	}
	return fmt.Sprintf("%d days", d/day)
}

// pausedText is what a person has paused, since when, and why.
func pausedText(what string, at time.Time, by, because string) string {
	text := fmt.Sprintf("%s is paused since %s", what, at.UTC().Format(time.RFC3339))
	if by != "" {
		text += " by " + by
	}
	if because != "" {
		text += ": " + because
	}
	return text
}

// numbered is "1 event" or "2 events".
func numbered(c Count, noun string) string {
	if c.N == 1 && !c.AtLeast {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		noun = stem + "ie"
	}
	text := thousands(c.N) + " " + noun + "s"
	if c.AtLeast {
		return text + " or more"
	}
	return text
}
