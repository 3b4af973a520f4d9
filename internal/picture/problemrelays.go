package picture

import (
	"fmt"
	"time"

	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/publisher/control"
	"github.com/contrail-events/contrail/publisher/parked"
)

// How much worse than its limit something must be to be a danger.
const (
	muchLag    = 10
	muchLonger = 30
)

// relayProblems are about who relays.
func (r *Reader) relayProblems(p Picture) (found []Problem) {
	for _, stream := range p.Streams {
		if stream.PausedAt != nil {
			found = append(found, warning(atRelays, "contrail relays resume"+onStream(stream.Name),
				"%s", pausedText("stream "+stream.Name, *stream.PausedAt, stream.PausedBy, stream.PausedBecause)+"; nothing is published meanwhile"))
		}
	}
	if p.Relays != nil && p.Store != nil {
		found = append(found, r.leadership(p)...)
	}
	for _, relay := range p.Relays {
		switch {
		case relay.Gone:
			found = append(found, warning(atRelays, "see why its process has ended or hangs; contrail relays stop "+relay.Identity+" takes it off the list",
				"relay %s of stream %s was last heard of %s ago", relay.Identity, relay.Stream, span(relay.BeatSecondsAgo)))
		case relay.Leads && relay.BrokerRTT == 0 && relay.LastError != "":
			found = append(found, danger(atRelays, "see that the broker is there, and its log; nothing is lost meanwhile",
				"relay %s leads stream %s and can't reach the broker: %s", relay.Identity, relay.Stream, relay.LastError))
		}
	}
	return found
}

// leadership is about the one that leads the stream, or nobody.
func (r *Reader) leadership(p Picture) []Problem {
	living, leads := 0, false
	for _, relay := range p.Relays {
		if relay.Stream == r.config.Stream && !relay.Gone {
			living++
			leads = leads || relay.Identity == p.Store.Leader && relay.State != control.Standby
		}
	}
	leader := p.Store.Leader
	switch {
	case leader == "" && living == 0:
		return []Problem{danger(atRelays, "start contrail relay, twice", "no relay runs for stream %s: nothing that is appended is published", r.config.Stream)}
	case leader == "":
		return []Problem{danger(atRelays, "if that lasts, look at their logs", "none of the %d relays of stream %s leads: nothing is published", living, r.config.Stream)}
	case !leads:
		return []Problem{danger(atRelays, "end its process; if it is gone, its session in PostgreSQL",
			"relay %s leads stream %s and sends no heartbeat: it hangs, or can't reach the database", leader, r.config.Stream)}
	}
	return nil
}

// storeProblems are about events that wait in the store.
func (r *Reader) storeProblems(p Picture) (found []Problem) {
	store := p.Store
	if store == nil {
		return nil
	}
	limit := r.config.Limits.Lag.Seconds()
	if waiting := store.OldestUnpublishedSeconds; store.LagEvents > 0 && waiting >= limit {
		about := ""
		if store.LagAbout {
			about = "about "
		}
		found = append(found, Problem{
			Severity: graded(waiting, muchLag*limit), Where: atRelays, Do: "see what the relay that leads says last, and whether the stream is paused",
			What: fmt.Sprintf("%s%s to be published, the oldest for %s", about, waits(store.LagEvents), span(waiting)),
		})
	}
	return append(found, r.appenderProblems(store)...)
}

// appenderProblems are about who holds the horizon back.
func (r *Reader) appenderProblems(store *publisher.Status) []Problem {
	open := store.Appender
	if open == nil || store.Horizon >= store.Position || time.Duration(open.Seconds*float64(time.Second)) < r.config.Limits.Appender {
		return nil
	}
	who, do := fmt.Sprintf("process %d (%s)", open.PID, open.ApplicationName), fmt.Sprintf("see what it waits for; SELECT pg_terminate_backend(%d) ends it", open.PID)
	if open.PID == 0 {
		who, do = "a prepared transaction", "commit it or roll it back: SELECT * FROM pg_prepared_xacts"
	}
	return []Problem{{
		Severity: graded(open.Seconds, muchLonger*r.config.Limits.Appender.Seconds()), Where: atHealth, Do: do,
		What: fmt.Sprintf("%s has appended and is open for %s: the horizon stands at %s, and what is behind it waits", who, span(open.Seconds), thousands(int64(store.Horizon))),
	}}
}

// parkedProblems are about events that the broker has refused.
func (r *Reader) parkedProblems(p Picture) (found []Problem) {
	left, held := p.Parked[parked.Parked], p.Parked[parked.Held]
	if left.N == 0 && held.N == 0 {
		return nil
	}
	what := fmt.Sprintf("%s %s left out of stream %s", numbered(left, "event"), left.is(), r.config.Stream)
	if held.N > 0 {
		what += fmt.Sprintf(", and %s %s held behind", numbered(held, "event"), held.is())
	}
	return append(found, warning(atParked, "contrail parked list"+onStream(r.config.Stream)+", then requeue or discard", "%s", what))
}

// graded is a danger from a bound on.
func graded(figure, bound float64) Severity {
	if figure >= bound {
		return Danger
	}
	return Warning
}

// waits is "1 event waits", or "2 events wait".
func waits(events int64) string {
	count := Count{N: events}
	return numbered(count, "event") + " " + count.waits()
}

// onStream is what a command that is recommended needs, to be about the stream.
func onStream(name string) string {
	if name == "EVENTS" {
		return ""
	}
	return " --stream " + name
}
