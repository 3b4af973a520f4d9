package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/publisher/control"
)

// relaysListVerb lists relays.
type relaysListVerb struct {
	Stream string `placeholder:"NAME" help:"Only the relays of this JetStream stream."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

// Help teaches.
func (*relaysListVerb) Help() string {
	return `Lists what each relay told in its last heartbeat, which comes every six seconds at least: what it does, how many events it has published and
left out since it started, how often it had to begin again after an error, events a second, the latency of the last event from
appended to acknowledged, how far its stream is behind, CPU in cores, resident memory, and how long the database and the
broker take to answer. "replaced" is a leader that another has taken over from, and that has not been heard of since;
"gone" is a relay that has not been heard of for 20 seconds: its process has died, hangs, or can't reach the database.

It asks the database alone and exits 0 whether there are relays or not. All times are by the database's clock.

Examples:

  contrail relays list
  watch contrail relays list
  contrail relays list --json | jq '.relays[] | select(.leads) | .lag_seconds'`
}

// relaysList is what --json prints.
type relaysList struct {
	Streams []control.Stream `json:"streams"`
	Relays  []control.Relay  `json:"relays"`
}

// Run lists.
func (v *relaysListVerb) Run(ctx context.Context, a *app) error {
	list := relaysList{Streams: []control.Stream{}, Relays: []control.Relay{}}
	err := a.withRelays(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		return a.inTime(ctx, func(ctx context.Context) error { return list.read(ctx, pool, v.Stream) })
	})
	if err != nil {
		return err
	}
	if v.JSON {
		return a.printJSON(list)
	}
	if len(list.Relays) == 0 {
		a.printf("no relay is running; start one with contrail relay\n")
	} else {
		a.printTable(relayRows(list.Relays), 5, 6, 7, 8, 9, 10, 11, 12, 13, 14)
	}
	for _, stream := range list.Streams {
		if stream.PausedAt != nil {
			a.printf("%s\n", a.paint(bold, pausedText(stream)))
		}
	}
	return nil
}

func (l *relaysList) read(ctx context.Context, pool *pgxpool.Pool, stream string) error {
	streams, err := control.Streams(ctx, pool, stream)
	if err != nil {
		return err
	}
	relays, err := control.List(ctx, pool, stream)
	if err != nil {
		return err
	}
	l.Streams, l.Relays = append(l.Streams, streams...), append(l.Relays, relays...)
	return nil
}

func pausedText(stream control.Stream) string {
	text := fmt.Sprintf("stream %s is paused since %s by %s", printable(stream.Name), stream.PausedAt.Format(time.RFC3339), printable(stream.PausedBy))
	if stream.PausedBecause != "" {
		text += ": " + printable(stream.PausedBecause)
	}
	return text
}

const shortID = 8

func relayRows(relays []control.Relay) [][]string {
	rows := [][]string{{
		"id", "relay", "stream", "state", "beat", "published", "parked", "retried", "rate", "latency", "lag", "CPU", "memory", "database", "broker",
	}}
	led := map[string]bool{}
	for _, r := range relays {
		led[r.Stream] = led[r.Stream] || r.Leads
	}
	for _, r := range relays {
		lag := "0"
		if r.LagEvents > 0 {
			lag = fmt.Sprintf("%s, %s", thousands(r.LagEvents), seconds(r.LagSeconds))
		}
		rows = append(rows, []string{
			r.ID.String()[:shortID], printable(r.Identity), printable(r.Stream), relayState(r, led[r.Stream]), seconds(r.BeatSecondsAgo) + " ago",
			thousands(r.Published), thousands(r.Parked), thousands(r.Retried), strconv.FormatFloat(r.Rate, 'f', 1, 64) + "/s",
			orUnknown(r.Latency), lag, strconv.FormatFloat(r.CPU, 'f', 2, 64), mebibytes(r.RSS), orUnknown(r.DatabaseRTT), orUnknown(r.BrokerRTT),
		})
	}
	return rows
}

// relayState is what a relay does, or did when it was last heard of, and what it is about to be told. led tells whether the stream has a leader that
// the database knows: another relay that still counts as leading has died, or hangs.
func relayState(r control.Relay, led bool) string {
	state := string(r.State)
	switch {
	case r.Gone:
		state = "gone (" + state + ")"
	case led && !r.Leads && r.State == control.Leading:
		state = "replaced"
	}
	if r.Command != "" {
		state += ", told to " + r.Command
	}
	return state
}

// orUnknown writes a length of time in seconds, and a dash for one that is not known.
func orUnknown(length float64) string {
	if length == 0 {
		return "-"
	}
	return time.Duration(length * float64(time.Second)).Round(10 * time.Microsecond).String()
}

func mebibytes(bytes int64) string {
	if bytes == 0 {
		return "-"
	}
	return strconv.FormatFloat(float64(bytes)/(1<<20), 'f', 1, 64) + " MiB"
}
