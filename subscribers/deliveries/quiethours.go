package deliveries

import (
	"context"
	"fmt"
	"time"
)

// QuietHours defers what would be sent from one full hour of the day to another, in a location: from 22 to 7 is the night. From equal to to means never.
// The end is the first moment that a clock on the wall there shows a time outside, whatever changes to and from daylight saving time there are.
// It panics unless both hours are from 0 to 23 and the location is given: they are constants of a program.
func QuietHours(location *time.Location, from, to int) Rule {
	if location == nil || from < 0 || from > 23 || to < 0 || to > 23 {
		panic(fmt.Sprintf("deliveries.QuietHours: a location and hours from 0 to 23 are needed, not %v, %d and %d", location, from, to))
	}
	return func(_ context.Context, c RuleContext) (Verdict, error) {
		end := quietUntil(c.Now.In(location), from, to)
		if !end.After(c.Now) {
			return Send(), nil
		}
		return Defer(end, ReasonQuietHours), nil
	}
}

// quietUntil is the first moment at or after now at which it is not quiet. It goes from one full hour on the wall to the next, which is not always an hour away.
func quietUntil(now time.Time, from, to int) time.Time {
	at := now
	for isQuiet(at.Hour(), from, to) {
		past := time.Duration(at.Minute())*time.Minute + time.Duration(at.Second())*time.Second + time.Duration(at.Nanosecond())
		at = at.Add(time.Hour - past)
	}
	return at
}

func isQuiet(hour, from, to int) bool {
	if from <= to {
		return from <= hour && hour < to
	}
	return hour >= from || hour < to
}
