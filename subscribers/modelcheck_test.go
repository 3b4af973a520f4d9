package subscribers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/contrail-events/contrail/subscribers"
)

// check compares what is to be seen with what the handlers did.
func (r *modelRun) check(rt *rapid.T, seen modelState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(seen.doubled) > 0 {
		rt.Fatalf("events %v have more than one dead letter\n%s", seen.doubled, r.history())
	}
	for event := range r.plan.streams {
		if fault := r.faultOf(event, seen); fault != "" {
			rt.Fatalf("event %d: %s\n%s", event, fault, r.history())
		}
	}
	if r.plan.processes == 1 && !r.plan.restarted() && slices.Max(r.round) == 0 {
		if fault := r.disorder(seen.order); fault != "" {
			rt.Fatalf("%s\n%s", fault, r.history())
		}
	}
}

// faultOf says what is wrong with an event's fate.
func (r *modelRun) faultOf(event int, seen modelState) string {
	letter, dead := seen.letters[event]
	times := seen.effects[event]
	last := r.lastCall(event)
	exact := r.plan.form != formPlain
	switch {
	case exact && times > 1, !exact && times > 1 && len(r.plan.disturbances) == 0:
		return fmt.Sprintf("took effect %d times", times)
	case exact && times > 0 && dead:
		return "took effect, and is a dead letter"
	case dead:
		return r.faultOfLetter(&letter.DeadLetter, last)
	case last == nil || !r.anySucceeds(event):
		return "took effect, and no handler has said so"
	}
	return ""
}

func (r *modelRun) faultOfLetter(letter *subscribers.DeadLetter, last *modelCall) string {
	disturbed := len(r.plan.disturbances) > 0
	said := fmt.Sprintf("is a dead letter: %s after %d deliveries and %d replays", letter.Reason, letter.Deliveries, letter.Replays)
	if last == nil {
		if disturbed {
			return ""
		}
		return said + ", and was never handled"
	}
	switch {
	case letter.Replays != last.round || letter.Deliveries < last.attempt || letter.Deliveries > r.plan.maxDeliver:
		return fmt.Sprintf("%s, and the last call was attempt %d in round %d", said, last.attempt, last.round)
	case letter.Reason == subscribers.ReasonPermanent && last.verdict == modelPermanent && letter.Deliveries == last.attempt:
		return ""
	case letter.Deliveries < r.plan.maxDeliver:
		return said + ", too early"
	case letter.Reason == subscribers.ReasonExhausted && !last.verdict.succeeds() && last.verdict != modelPermanent:
		return ""
	case disturbed && (letter.Reason == subscribers.ReasonCrashed || letter.Reason == subscribers.ReasonAbandoned):
		return ""
	}
	return fmt.Sprintf("%s, and the last verdict was %q", said, last.verdict)
}

// lastCall is the newest one of an event in its round.
func (r *modelRun) lastCall(event int) *modelCall {
	for _, call := range slices.Backward(r.calls) {
		if call.event == event && call.round == r.round[event] {
			return call
		}
	}
	return nil
}

func (r *modelRun) anySucceeds(event int) bool {
	return slices.ContainsFunc(r.calls, func(call *modelCall) bool { return call.event == event && call.verdict.succeeds() })
}

// disorder says which event took effect before an earlier one of its stream.
func (r *modelRun) disorder(order []int) string {
	last := map[int]int{}
	for _, event := range order {
		stream := r.plan.streams[event]
		if before, found := last[stream]; found && before > event {
			return fmt.Sprintf("event %d took effect after event %d of the same stream", event, before)
		}
		last[stream] = event
	}
	return ""
}

// checkStats wants the counts of all processes to add up to what is to be seen at the end.
func (r *modelRun) checkStats(t *testing.T, rt *rapid.T, all []*subscribers.Subscription) {
	t.Helper()
	seen, err := r.look(t)
	require.NoError(t, err)
	var sum subscribers.Stats
	var reasons int64
	for _, sub := range all {
		stats := sub.Stats()
		sum.Delivered += stats.Delivered
		sum.Handled += stats.Handled
		sum.Skipped += stats.Skipped
		sum.DeadLettered += stats.DeadLettered
		sum.Unhandled += stats.Unhandled
		reasons += stats.SkipReasons["by plan"]
	}
	letters := len(seen.letters)
	for _, round := range r.round {
		letters += round
	}
	switch {
	case sum.Handled+sum.Skipped != int64(len(seen.order)):
		rt.Fatalf("%d handled and %d skipped, and %d effects", sum.Handled, sum.Skipped, len(seen.order))
	case sum.DeadLettered < int64(letters), sum.DeadLettered > int64(letters) && !r.plan.brokerRestarted(): // a term that is lost may be made good later
		rt.Fatalf("%d counted as dead letters, and there were %d", sum.DeadLettered, letters)
	case reasons != sum.Skipped || sum.Unhandled != 0 || sum.Delivered < int64(len(r.plan.streams)):
		rt.Fatalf("counts that don't add up: %+v", sum)
	}
}

// history is all calls, for a failure's report.
func (r *modelRun) history() string {
	var text strings.Builder
	for _, call := range r.calls {
		fmt.Fprintf(&text, "process %d, event %d of stream %d, round %d, attempt %d: %s\n",
			call.process, call.event, r.plan.streams[call.event], call.round, call.attempt, call.verdict)
	}
	return text.String()
}
