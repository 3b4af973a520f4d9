package deliveries

import "fmt"

// nextOpen is what to do about one that is pending or failed.
func (t Timeline) nextOpen() string {
	switch t.Standing {
	case StandingHeld:
		return t.nextHeld()
	case StandingClaimed:
		return "Wait for the attempt."
	case StandingWaiting:
		if t.Attempts == 0 {
			return "Wait, or redrive it to have it begun now; rules are asked again before that."
		}
		return "Wait, or redrive it to have it tried now."
	case StandingDue, StandingRunning, StandingStuck, StandingEnded:
	}
	if t.Lane != "" {
		return "See to it that somebody holds the lane, and what is before it there."
	}
	return fmt.Sprintf("See to it that consumer %s runs, has an adapter for channel %s, and keeps up.", t.Consumer, t.Channel)
}

// nextHeld is what a person can decide.
func (t Timeline) nextHeld() string {
	a := t.Last
	if a == nil || a.Outcome != OutcomeAmbiguous {
		return "Redrive it, or cancel it."
	}
	switch {
	case a.Late == nil:
		return fmt.Sprintf("Find out on the other side what became of key %s; then cancel it if it took effect, or redrive it, which may reach the recipient twice.", t.ID)
	case a.Late.Outcome == OutcomeSucceeded:
		return "Cancel it, since it took effect."
	}
	return "Redrive it, which may reach the recipient twice, or cancel it."
}

// nextUnderWay is what to do about one whose attempt has started.
func (t Timeline) nextUnderWay() string {
	if t.Standing == StandingRunning {
		return "Wait for the outcome."
	}
	return fmt.Sprintf("Consumer %s recovers it within seconds while it runs; else recover it.", t.Consumer)
}

// nextEnded is what to do about one that has ended.
func (t Timeline) nextEnded() string {
	const again = "redrive it: its event is sent again as a new delivery."
	switch {
	case t.lastRound() != nil:
		return "Look at that one."
	case t.State == Succeeded:
		return "Nothing."
	case t.Last != nil && t.Last.Outcome == OutcomeAmbiguous && t.Last.Late == nil:
		return fmt.Sprintf("Find out on the other side what became of key %s; if it did not take effect, %s", t.ID, again)
	case t.Last != nil && t.Last.Late != nil && t.Last.Late.Outcome == OutcomeSucceeded:
		return "Nothing, since it took effect."
	case t.State == Suppressed && t.Last != nil && t.Last.Outcome == OutcomeSkipped:
		return "If it shall be sent after all, " + again
	case t.State == Suppressed:
		return "If it shall be sent after all, do away with the cause, since rules are asked again, and " + again
	case t.Reason == ReasonByPerson:
		return "If it shall be sent after all, " + again
	case t.Reason == ReasonBounced:
		return "Correct where the recipient is to be reached, and " + again
	case t.Reason == ReasonUnreadable:
		return "Nothing, unless the event comes back or the key is found: then " + again
	case t.Reason == ReasonLaneCanceled:
		return "Once somebody holds the lane again, " + again
	}
	return "Do away with the cause, and " + again
}
