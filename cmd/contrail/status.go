package main

import (
	"context"
	"fmt"
	"time"

	"github.com/contrail-events/contrail/publisher"
)

// statusVerb tells how things stand.
type statusVerb struct {
	brokerFlags

	JSON bool `name:"json" help:"Print JSON."`
}

// Help teaches.
func (*statusVerb) Help() string {
	return `Asks the database and the broker how far they are. "Position" is the newest committed event, "horizon" the position up
to which everything is settled, "published" the last event that the stream holds. Lag that stays while a relay leads, or a
horizon that stays below the position, is worth a look: an open transaction that has appended holds the horizon back, and status
names it. It exits 0 whenever both servers answer.

Examples:

  contrail status
  contrail status --json | jq .lag_events`
}

// Run prints the status.
func (v *statusVerb) Run(ctx context.Context, a *app) error {
	pool, err := a.openStore(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	js, closeNATS, err := a.openJetStream(ctx, v.brokerFlags)
	if err != nil {
		return err
	}
	defer closeNATS()
	var status publisher.Status
	err = a.inTime(ctx, func(ctx context.Context) (err error) {
		status, err = publisher.ReadStatus(ctx, pool, js, v.Stream)
		return err
	})
	if err != nil {
		return err
	}
	if v.JSON {
		return a.printJSON(status)
	}
	a.printTable(statusRows(status))
	return nil
}

func statusRows(s publisher.Status) [][]string {
	leader := s.Leader
	if leader == "" {
		leader = "none; start one with contrail relay"
	}
	lag := plural(s.LagEvents, "event")
	if s.LagEvents > 0 {
		lag += ", the oldest appended " + seconds(s.OldestUnpublishedSeconds) + " ago"
	}
	rows := [][]string{
		{"stream", s.Stream},
		{"leader", leader},
		{"position", thousands(s.Position)},
		{"horizon", thousands(s.Horizon)},
		{"published", fmt.Sprintf("%s, as message %s of the stream", thousands(s.PublishedPosition), thousands(s.Sequence))},
		{"lag", lag},
	}
	if s.Lost > 0 {
		rows = append(rows, []string{"lost", plural(s.Lost, "event") + " that the broker had acknowledged, and that were sent again"})
	}
	for _, row := range []struct {
		count int64
		name  string
		text  string
	}{
		{s.Parked, "parked", "that the broker refused; contrail parked list" + onStream(s.Stream) + " shows them"},
		{s.Held, "held", "behind parked ones of their streams"},
		{s.Requeued, "requeued", "that the relay publishes next"},
	} {
		if row.count > 0 {
			rows = append(rows, []string{row.name, plural(row.count, "event") + " " + row.text})
		}
	}
	if s.Paused {
		rows = append(rows, []string{"paused", "nothing is published until somebody runs contrail relays resume" + onStream(s.Stream)})
	}
	if open := s.Appender; open != nil {
		rows = append(rows, []string{"oldest appender", fmt.Sprintf("pid %d (%s), open for %s, last statement: %s",
			open.PID, open.ApplicationName, seconds(open.Seconds), breaks.ReplaceAllString(open.Query, " "))})
	}
	return rows
}

// seconds writes a length of time as a person would.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d < 0:
		return "a time that PostgreSQL does not tell this role"
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
