package deadletters

import (
	"slices"
	"strings"

	"github.com/contrail-events/contrail/subscribers"
)

// The stream's subjects begin with its prefix, and say what a message is:
//
//	events.<consumer>.<category>.<type>     a dead letter
//	foreign.<consumer>                      one of a message that is not an event
//	requeue.<consumer>                      a requeued one
//	discarded.<consumer>[.<category>.<type>]  a discarded one
//	trials.…                                no letter: a subscription handles an event's last delivery
const (
	tokenEvents    = "events"
	tokenForeign   = "foreign"
	tokenRequeue   = "requeue"
	tokenDiscarded = "discarded"
	tokenTrials    = "trials"

	unknown = "unknown" // a consumer's place in the subject of a discarded message that names none
)

// place is what a subject says of a message.
type place struct {
	state    State
	consumer string // empty: unknown
	kind     string // category.type; empty: unknown
}

// placeOf reads a subject. What stands nowhere that we know of is dead: somebody has to look at it.
func placeOf(prefix, subject string) place {
	rest, _ := strings.CutPrefix(subject, prefix+".")
	what, rest, _ := strings.Cut(rest, ".")
	consumer, kind, _ := strings.Cut(rest, ".")
	switch what {
	case tokenEvents, tokenForeign:
		return place{Dead, consumer, kind}
	case tokenRequeue:
		return place{Requeued, consumer, ""}
	case tokenDiscarded:
		return place{Discarded, consumer, kind}
	case tokenTrials:
		return place{} // in no state that can be selected
	}
	return place{state: Dead}
}

// splitKind takes category.type apart. Anything else is neither.
func splitKind(kind string) (category, name string) {
	if strings.Count(kind, ".") != 1 {
		return "", ""
	}
	category, name, _ = strings.Cut(kind, ".")
	return category, name
}

// discardedSubject is where the record of a discarded letter stands.
func discardedSubject(l Letter) string {
	consumer := l.Consumer
	if !isToken(consumer) {
		consumer = unknown
	}
	subject := subscribers.DeadLetterPrefix(l.In) + "." + tokenDiscarded + "." + consumer
	if category, name := l.category(), l.eventType(); isToken(category) && isToken(name) {
		subject += "." + category + "." + name
	}
	return subject
}

// subjects are as few as hold everything that the filter may select, and none twice.
func (f Filter) subjects() []string {
	prefix := subscribers.DeadLetterPrefix(f.Stream) + "."
	category := f.Category
	if !f.EventStream.IsZero() {
		category = f.EventStream.Category()
	}
	consumer := orAny(f.Consumer)
	kind := orAny(category) + "." + orAny(f.Type)
	ofEvents, ofOne := kind != "*.*", f.Consumer != ""
	var subjects []string
	for _, state := range f.States {
		switch {
		case state == Dead && !ofEvents && !ofOne:
			return []string{prefix + ">"} // also what stands nowhere that we know of
		case state == Dead && ofEvents:
			subjects = append(subjects, prefix+tokenEvents+"."+consumer+"."+kind)
		case state == Dead:
			subjects = append(subjects, prefix+tokenEvents+"."+consumer+".>", prefix+tokenForeign+"."+consumer)
		case state == Requeued && !ofOne:
			subjects = append(subjects, prefix+tokenRequeue+".>")
		case state == Requeued:
			subjects = append(subjects, prefix+tokenRequeue+"."+consumer)
		case state == Discarded && ofEvents:
			subjects = append(subjects, prefix+tokenDiscarded+"."+consumer+"."+kind)
		case state == Discarded && !ofOne:
			subjects = append(subjects, prefix+tokenDiscarded+".>")
		case state == Discarded:
			subjects = append(subjects, prefix+tokenDiscarded+"."+consumer, prefix+tokenDiscarded+"."+consumer+".>")
		}
	}
	slices.Sort(subjects)
	return slices.Compact(subjects)
}

func orAny(token string) string {
	if token == "" {
		return "*"
	}
	return token
}

// isToken tells whether a name can be one token of a subject, and so a consumer's name.
func isToken(name string) bool {
	return name != "" && !strings.ContainsAny(name, ".*>/\\") && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7F })
}
