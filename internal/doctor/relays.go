package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/contrail-events/contrail/publisher/control"
)

// settledIn is for how long a relay may be running without having measured how long the broker takes.
const settledIn = 15 * time.Second

func checkRelays(ctx context.Context, d *Doctor) ([]Finding, error) {
	living, gone, err := d.relays(ctx)
	if err != nil {
		return nil, err
	}
	streams, err := control.Streams(ctx, d.pool, d.config.Stream)
	if err != nil {
		return nil, err
	}
	leader := ""
	for _, stream := range streams {
		leader = stream.Leader
	}
	with := values{"relays": len(living), "gone": len(gone), "leader": leader}
	found := d.leadership(living, gone, leader)
	for _, relay := range living {
		if relay.Leads && relay.BrokerRTT == 0 && relay.BeatAt.Sub(relay.StartedAt) > settledIn {
			found = append(found, Finding{
				Severity: Danger, What: fmt.Sprintf("relay %s leads and can't reach the broker", relay.Identity), Why: "nothing is published meanwhile; nothing is lost either",
				Do: "see its last error: " + orNone(relay.LastError), Values: values{"relay": relay.Identity, "last_error": relay.LastError},
			})
		}
	}
	if len(living) == 1 && leader != "" {
		found = append(found, Finding{
			Severity: Warning, What: "no relay stands by", Why: "when the leader's process or host dies nothing is published until it is back",
			Do: "run another contrail relay, on another host", Values: with,
		})
	}
	for _, relay := range gone {
		if relay.Identity != leader {
			found = append(found, Finding{
				Severity: Note, What: fmt.Sprintf("relay %s was last heard of %s ago", relay.Identity, seconds(relay.BeatSecondsAgo)), Why: "its process has died, or hangs",
				Do: "contrail relays stop " + relay.Identity + " takes it off the list", Values: values{"relay": relay.Identity, "seconds": relay.BeatSecondsAgo},
			})
		}
	}
	return orGood(found, with, "relay %s leads, and %d stand by", leader, len(living)-1), nil
}

// leadership is about the one that leads, or nobody.
func (d *Doctor) leadership(living []livingRelay, gone []control.Relay, leader string) []Finding {
	heard, hangs := false, false
	for _, relay := range living {
		heard = heard || relay.Identity == leader
	}
	for _, relay := range gone {
		hangs = hangs || relay.Identity == leader
	}
	with := values{"leader": leader, "relays": len(living)}
	switch {
	case leader == "" && len(living) == 0:
		return []Finding{{
			Severity: Danger, What: "no relay runs for stream " + d.config.Stream, Why: "nothing that is appended is published", Do: "start contrail relay, twice", Values: with,
		}}
	case leader == "":
		return []Finding{{
			Severity: Danger, What: fmt.Sprintf("none of %d relays leads", len(living)), Why: "nothing is published", Values: with,
			Do: "if that lasts: contrail relays list, and their logs; behind a proxy that pools transactions, a lock may be left on a connection of the proxy's",
		}}
	case !heard && hangs:
		return []Finding{{
			Severity: Danger, What: fmt.Sprintf("relay %s leads and sends no heartbeat", leader), Why: "it hangs, or can't reach the database, and keeps others from leading",
			Do: "end its process; if it is gone, its session in PostgreSQL (pg_locks, classid 1129270870)", Values: with,
		}}
	case !heard:
		return []Finding{{
			Severity: Warning, What: fmt.Sprintf("relay %s leads and is not on the list of relays", leader), Why: "nobody can pause it or see how it is",
			Do: "it stops by itself when it finds its row deleted; look again in a minute", Values: with,
		}}
	}
	return nil
}

func seconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(100 * time.Millisecond)
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
