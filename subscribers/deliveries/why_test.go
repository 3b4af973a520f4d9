package deliveries_test

import (
	"flag"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/deliveries"
)

var updateWhy = flag.Bool("update-why", false, "write testdata/why.txt anew")

// standings are all the ways in which a delivery can stand, each made as a ledger and people make it.
func ways() map[string]func(b book) uuid.UUID {
	all := map[string]func(b book) uuid.UUID{}
	for _, some := range []map[string]func(b book) uuid.UUID{waysPending(), waysDispatched(), waysFailed(), waysEnded(), waysCancelled()} {
		maps.Copy(all, some)
	}
	return all
}

func waysPending() map[string]func(b book) uuid.UUID {
	deferred := func(reason deliveries.Reason) func(b book) uuid.UUID {
		return func(b book) uuid.UUID { return b.plan(planned{why: reason, due: time.Hour}) }
	}
	return map[string]func(b book) uuid.UUID{
		"pending, due":                     func(b book) uuid.UUID { return b.plan(planned{}) },
		"pending, due in a lane":           func(b book) uuid.UUID { return b.plan(planned{lane: "endpoint-1"}) },
		"pending, waiting, not before":     deferred(deliveries.ReasonNotBefore),
		"pending, waiting, quiet hours":    deferred(deliveries.ReasonQuietHours),
		"pending, waiting, rule of others": deferred("strike"),
		"pending, waiting, redriven later": func(b book) uuid.UUID { return b.plan(planned{due: time.Hour}) },
		"pending, waiting, rule failed": func(b book) uuid.UUID {
			id := b.plan(planned{})
			b.decide(id, "", deliveries.ReasonRuleFailed, time.Hour)
			return id
		},
		"pending, waiting, event unread": func(b book) uuid.UUID {
			id := b.plan(planned{})
			b.decide(id, "", deliveries.ReasonUnread, time.Hour)
			return id
		},
		"pending, due, quiet hours over": func(b book) uuid.UUID {
			id := b.plan(planned{why: deliveries.ReasonQuietHours, due: time.Hour})
			b.comeDue(id)
			return id
		},
		"pending, claimed": func(b book) uuid.UUID {
			id := b.plan(planned{})
			b.claim(id)
			return id
		},
		"pending, due, after another": func(b book) uuid.UUID {
			id := b.plan(planned{})
			b.try(id, succeeded())
			return b.redrive(id, deliveries.Order{By: "ada@ops", Because: "lost in the post", Force: true}).Becomes
		},
	}
}

func waysDispatched() map[string]func(b book) uuid.UUID {
	running := func(b book) uuid.UUID {
		id := b.plan(planned{})
		b.begin(id)
		return id
	}
	stuck := func(b book) uuid.UUID {
		id := running(b)
		b.die(id)
		return id
	}
	return map[string]func(b book) uuid.UUID{
		"dispatched, running": running,
		"dispatched, stuck":   stuck,
		"dispatched, running, cancelling": func(b book) uuid.UUID {
			id := running(b)
			b.cancel(id)
			return id
		},
		"dispatched, stuck, cancelling": func(b book) uuid.UUID {
			id := stuck(b)
			b.cancel(id)
			return id
		},
	}
}

func waysFailed() map[string]func(b book) uuid.UUID {
	tried := func(o outcome, then ...func(b book, id uuid.UUID)) func(b book) uuid.UUID {
		return func(b book) uuid.UUID {
			id := b.plan(planned{})
			b.try(id, o)
			for _, do := range then {
				do(b, id)
			}
			return id
		}
	}
	comeDue := func(b book, id uuid.UUID) { b.comeDue(id) }
	unknown, resent := temporary(), ambiguous()
	unknown.class, unknown.error, unknown.reason = deliveries.ClassUnknown, "panic: nil map, at mail.go:12", deliveries.ReasonUnknown
	resent.delay = time.Hour
	return map[string]func(b book) uuid.UUID{
		"failed, waiting, temporary":        tried(temporary()),
		"failed, waiting, unknown":          tried(unknown),
		"failed, waiting, ambiguous":        tried(resent),
		"failed, due, temporary":            tried(temporary(), comeDue),
		"failed, due, ambiguous":            tried(resent, comeDue),
		"failed, claimed, temporary":        tried(temporary(), comeDue, func(b book, id uuid.UUID) { b.claim(id) }),
		"failed, held, ambiguous":           tried(ambiguous()),
		"failed, held, ambiguous, long":     tried(outcome{outcome: deliveries.OutcomeAmbiguous, error: strings.Repeat("long ", 100), state: deliveries.Failed, reason: deliveries.ReasonAmbiguous}),
		"failed, held, late success":        tried(ambiguous(), func(b book, id uuid.UUID) { b.complete(id, 1, succeeded()) }),
		"failed, held, late failure":        tried(ambiguous(), func(b book, id uuid.UUID) { b.complete(id, 1, temporary()) }),
		"failed, held, of another kind":     tried(outcome{outcome: deliveries.OutcomeFailed, class: deliveries.ClassTemporary, error: "closed", state: deliveries.Failed, reason: "strike"}),
		"failed, held, process died":        func(b book) uuid.UUID { return b.died("hold") },
		"failed, waiting, process died":     func(b book) uuid.UUID { return b.died("resend") },
		"failed, due, redriven":             tried(ambiguous(), func(b book, id uuid.UUID) { b.redrive(id, ada("they have not got it")) }),
		"failed, waiting, quiet hours":      tried(temporary(), comeDue, func(b book, id uuid.UUID) { b.decide(id, "", deliveries.ReasonQuietHours, time.Hour) }),
		"failed, waiting, event unread":     tried(temporary(), comeDue, func(b book, id uuid.UUID) { b.decide(id, "", deliveries.ReasonUnread, time.Hour) }),
		"failed, waiting, may be duplicate": tried(resent, comeDue, func(b book, id uuid.UUID) { b.try(id, temporary()) }),
	}
}

// died is a delivery whose process has died, and that is recovered.
func (b book) died(fate string) uuid.UUID {
	id := b.plan(planned{})
	b.begin(id)
	b.die(id)
	b.recover(id, fate)
	return id
}

func waysEnded() map[string]func(b book) uuid.UUID {
	return map[string]func(b book) uuid.UUID{
		"succeeded": func(b book) uuid.UUID {
			id := b.plan(planned{})
			b.try(id, succeeded())
			return id
		},
		"succeeded, and sent again": func(b book) uuid.UUID {
			id := b.plan(planned{})
			b.try(id, succeeded())
			b.redrive(id, deliveries.Order{By: "ada@ops", Because: "lost in the post", Force: true})
			return id
		},
		"suppressed at planning": func(b book) uuid.UUID {
			return b.plan(planned{state: deliveries.Suppressed, why: deliveries.ReasonCap})
		},
		"suppressed at sending": func(b book) uuid.UUID {
			id := b.plan(planned{})
			b.try(id, temporary())
			b.comeDue(id)
			b.decide(id, deliveries.Suppressed, deliveries.ReasonCap, 0)
			return id
		},
		"suppressed by the adapter": func(b book) uuid.UUID {
			id := b.plan(planned{})
			b.try(id, outcome{outcome: deliveries.OutcomeSkipped, state: deliveries.Suppressed, reason: "unsubscribed"})
			return id
		},
	}
}

func waysCancelled() map[string]func(b book) uuid.UUID {
	ended := func(o outcome, reason deliveries.Reason) func(b book) uuid.UUID {
		o.state, o.reason, o.delay = deliveries.Cancelled, reason, 0
		return func(b book) uuid.UUID {
			id := b.plan(planned{lane: "endpoint-1"})
			b.try(id, o)
			return id
		}
	}
	decided := func(reason deliveries.Reason) func(b book) uuid.UUID {
		return func(b book) uuid.UUID {
			id := b.plan(planned{lane: "endpoint-1"})
			b.decide(id, deliveries.Cancelled, reason, 0)
			return id
		}
	}
	bounced := temporary()
	bounced.class, bounced.error = deliveries.ClassBounced, "550 mailbox unavailable"
	return map[string]func(b book) uuid.UUID{
		"cancelled, permanent":            ended(permanent(), deliveries.ReasonPermanent),
		"cancelled, bounced":              ended(bounced, deliveries.ReasonBounced),
		"cancelled, exhausted":            ended(temporary(), deliveries.ReasonExhausted),
		"cancelled, exhausted, ambiguous": ended(ambiguous(), deliveries.ReasonExhausted),
		"cancelled, exhausted, late success": func(b book) uuid.UUID {
			id := b.plan(planned{})
			last := ambiguous()
			last.state, last.reason = deliveries.Cancelled, deliveries.ReasonExhausted
			b.try(id, last)
			b.complete(id, 1, succeeded())
			return id
		},
		"cancelled, unreadable":        decided(deliveries.ReasonUnreadable),
		"cancelled with its lane":      decided(deliveries.ReasonLaneCanceled),
		"cancelled, endpoint disabled": decided("endpoint_disabled"),
		"cancelled by a person": func(b book) uuid.UUID {
			id := b.plan(planned{})
			b.cancel(id)
			return id
		},
		"cancelled by a person, under way": func(b book) uuid.UUID {
			id := b.plan(planned{})
			attempt := b.begin(id)
			b.cancel(id)
			b.complete(id, attempt, temporary())
			return id
		},
		"cancelled, and sent again": func(b book) uuid.UUID {
			id := b.plan(planned{})
			b.try(id, permanent())
			b.redrive(id, ada("the template is there now"))
			return id
		},
	}
}

// Each way in which a delivery can stand is explained in one sentence, and what to do about it is said.
func TestWhy(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	var text strings.Builder
	states, standings := map[deliveries.State]bool{}, map[deliveries.Standing]bool{}
	all := ways()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		timeline := b.explain(all[name](b))
		states[timeline.State], standings[timeline.Standing] = true, true
		require.True(t, strings.HasPrefix(name, string(timeline.State)), "%s is %s", name, timeline.State)
		require.NotContains(t, timeline.Why+timeline.Next, "%!", name)
		require.Regexp(t, `^[A-Z][^\n]*\.$`, timeline.Why, name)
		require.Regexp(t, `^[A-Z][^\n]*\.$`, timeline.Next, name)
		text.WriteString(name + "\n  " + settled(timeline.Why) + "\n  " + settled(timeline.Next) + "\n")
	}
	require.ElementsMatch(t, deliveries.States(), slices.Collect(maps.Keys(states)))
	require.ElementsMatch(t, deliveries.Standings(), slices.Collect(maps.Keys(standings)))
	if *updateWhy {
		require.NoError(t, os.WriteFile("testdata/why.txt", []byte(text.String()), 0o600))
	}
	want, err := os.ReadFile("testdata/why.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), text.String())
}

// settled is a text without what differs from run to run.
func settled(text string) string {
	text = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`).ReplaceAllString(text, "TIME")
	return regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`).ReplaceAllString(text, "ID")
}
