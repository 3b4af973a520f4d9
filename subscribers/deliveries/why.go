package deliveries

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// explain says in one sentence why a delivery stands where it stands, and in others what to do about it.
func (t Timeline) explain() (why, next string) {
	switch t.Standing {
	case StandingRunning, StandingStuck:
		return sentence(t.underWay(), t.cancelling()), t.nextUnderWay()
	case StandingEnded:
		return sentence(t.ended(), t.later()), t.nextEnded()
	case StandingDue, StandingClaimed, StandingWaiting, StandingHeld:
	}
	return sentence(t.cause(), t.turn(), t.risk()), t.nextOpen()
}

// cause is why it is not sent so far.
func (t Timeline) cause() string {
	switch reason := t.Reason; {
	case reason == ReasonNotBefore:
		return "it was planned for later"
	case reason == ReasonUnread:
		return "its event could not be read back"
	case reason == ReasonRuleFailed:
		return "a rule failed instead of deciding"
	case slices.Contains([]Reason{"", ReasonTemporary, ReasonUnknown, ReasonAmbiguous}, reason):
		return t.lastAttempt()
	case t.Standing == StandingHeld:
		return ""
	}
	return "it was deferred as " + string(t.Reason)
}

// lastAttempt is what became of it.
func (t Timeline) lastAttempt() string {
	a := t.Last
	if a == nil {
		return ""
	}
	which := fmt.Sprintf("attempt %d", a.Number)
	switch a.Outcome {
	case OutcomeAmbiguous:
		text := "nobody knows whether " + which + " took effect" + quoted(a.Error)
		if a.Late != nil {
			text += fmt.Sprintf(", and its outcome came too late: it %s%s", a.Late.Outcome, quoted(a.Late.Error))
		}
		return text
	case OutcomeSkipped:
		return "the adapter said at " + which + " that it need not be sent"
	case OutcomeStarted, OutcomeSucceeded:
		return which + " " + string(a.Outcome)
	case OutcomeFailed:
	}
	switch a.Class {
	case ClassTemporary:
		return which + " failed for the time being" + quoted(a.Error)
	case ClassPermanent:
		return which + " failed, and no retry will help" + quoted(a.Error)
	case ClassBounced:
		return which + " bounced, since the recipient can't be reached there" + quoted(a.Error)
	case ClassUnknown:
	}
	return which + " failed in a way that the adapter does not classify" + quoted(a.Error)
}

// turn is when the next attempt begins.
func (t Timeline) turn() string {
	next := fmt.Sprintf("attempt %d", t.Attempts+1)
	switch t.Standing {
	case StandingHeld:
		if t.cause() == "" {
			return "it is held for a person as " + string(t.Reason)
		}
		return "it is held for a person"
	case StandingClaimed:
		return fmt.Sprintf("process %s is about to begin %s, and nobody else may before %s", t.ClaimedBy, next, clock(t.ClaimedUntil))
	case StandingWaiting:
		return next + " is due at " + clock(t.DueAt)
	case StandingDue, StandingRunning, StandingStuck, StandingEnded:
	}
	if t.Lane != "" {
		return fmt.Sprintf("%s is due since %s, in its turn in lane %s", next, clock(t.DueAt), t.Lane)
	}
	return fmt.Sprintf("%s is due since %s, and no process has taken it", next, clock(t.DueAt))
}

func (t Timeline) risk() string {
	if !t.DuplicateRisk || t.Reason == ReasonAmbiguous {
		return ""
	}
	return "the recipient may have got it already"
}

// underWay is about the attempt that has started.
func (t Timeline) underWay() string {
	if t.Last == nil { // nothing but a hand in the database does this
		return "it is dispatched without an attempt"
	}
	a := t.Last
	if t.Standing == StandingRunning {
		return fmt.Sprintf("attempt %d is under way since %s in process %s, which may take until %s", a.Number, clock(a.StartedAt), a.StartedBy, clock(a.LeaseUntil))
	}
	return fmt.Sprintf("attempt %d was begun at %s by process %s, which has not told its outcome by %s: nobody knows whether it took effect",
		a.Number, clock(a.StartedAt), a.StartedBy, clock(a.LeaseUntil))
}

func (t Timeline) cancelling() string {
	if t.Cancelling == "" {
		return ""
	}
	text := "it was cancelled as " + string(t.Cancelling)
	if t.Cancelling == ReasonByPerson {
		text = t.byPerson()
	}
	return text + ", unless that has succeeded"
}

// ended is how it ended.
func (t Timeline) ended() string {
	switch {
	case t.State == Succeeded:
		return fmt.Sprintf("attempt %d succeeded at %s", t.Attempts, clock(t.ChangedAt))
	case t.State == Suppressed && t.Last != nil && t.Last.Outcome == OutcomeSkipped:
		return t.lastAttempt() + ": " + string(t.Reason)
	case t.State == Suppressed:
		return "a rule has suppressed it as " + string(t.Reason)
	case t.Reason == ReasonPermanent, t.Reason == ReasonBounced:
		return t.lastAttempt()
	case t.Reason == ReasonExhausted:
		return "no attempt is left: " + t.lastAttempt()
	case t.Reason == ReasonUnreadable:
		return "its event can't be read, now or later"
	case t.Reason == ReasonLaneCanceled:
		return "it was cancelled with its lane " + t.Lane
	case t.Reason == ReasonByPerson:
		return t.byPerson()
	}
	return "it was cancelled as " + string(t.Reason)
}

// byPerson is who has cancelled it, and why. Where an attempt was under way, another entry tells when that was over.
func (t Timeline) byPerson() string {
	for _, what := range []EntryKind{EntryCancelling, EntryCancelled} {
		for _, entry := range slices.Backward(t.Entries) {
			if entry.What == what && entry.By != "" {
				return fmt.Sprintf("it was cancelled by %s at %s%s", entry.By, clock(entry.At), quoted(entry.Because))
			}
		}
	}
	return "it was cancelled by a person"
}

// later is what a person has had planned since.
func (t Timeline) later() string {
	if last := t.lastRound(); last != nil {
		return fmt.Sprintf("it was sent again as delivery %s, which is %s", last.ID, last.State)
	}
	return ""
}

// lastRound is the last delivery of the same event to the same recipient; nil: it is this one.
func (t Timeline) lastRound() *Round {
	if n := len(t.Rounds); n > 0 && t.Rounds[n-1].Round > t.Round {
		return &t.Rounds[n-1]
	}
	return nil
}

const quotedRunes = 200 // of what an error or a person says at length

// quoted puts into a sentence what others have said.
func quoted(text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return ""
	}
	if utf8.RuneCountInString(text) > quotedRunes {
		text = string([]rune(text)[:quotedRunes]) + "…"
	}
	return " (" + text + ")"
}

// clock is a time for people.
func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// sentence makes one of clauses, some of which may be empty.
func sentence(clauses ...string) string {
	text := strings.Join(slices.DeleteFunc(clauses, func(clause string) bool { return clause == "" }), "; ")
	if text == "" {
		return ""
	}
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:] + "."
}
