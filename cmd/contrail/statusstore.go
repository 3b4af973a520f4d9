package main

import (
	"fmt"

	"github.com/contrail-events/contrail/publisher"
)

// stream is the one that is looked at.
func (s statusPage) stream() string {
	if s.picture.Store == nil {
		return ""
	}
	return s.picture.Store.Stream
}

// storeRows tell how far the stream is behind the store.
func (s statusPage) storeRows() [][]string {
	store := s.picture.Store
	if store == nil {
		return nil
	}
	leader := store.Leader
	if leader == "" {
		leader = "none; start one with contrail relay"
	}
	rows := [][]string{{"stream", store.Stream}, {"leader", leader}}
	if relays := s.relaysText(); relays != "" {
		rows = append(rows, []string{"relays", relays})
	}
	published := fmt.Sprintf("%s, as message %s of the stream", thousands(store.PublishedPosition), thousands(store.Sequence))
	if !s.picture.NATS.Up {
		published += ", by what the relay has written down"
	}
	rows = append(rows, []string{"position", thousands(store.Position)}, []string{"horizon", thousands(store.Horizon)},
		[]string{"published", published}, []string{"lag", lagText(*store)})
	if store.Lost > 0 {
		rows = append(rows, []string{"lost", plural(store.Lost, "event") + " that the broker had acknowledged, and that were sent again"})
	}
	return append(rows, openRows(*store)...)
}

func lagText(store publisher.Status) string {
	lag := plural(store.LagEvents, "event")
	if store.LagAbout {
		lag = "about " + lag
	}
	if store.LagEvents > 0 {
		lag += ", the oldest appended " + seconds(store.OldestUnpublishedSeconds) + " ago"
	}
	return lag
}

// openRows are about what waits in the store, and what for.
func openRows(store publisher.Status) (rows [][]string) {
	for _, row := range []struct {
		count int64
		name  string
		text  string
	}{
		{store.Parked, "parked", "that the broker refused; contrail parked list" + onStream(store.Stream) + " shows them"},
		{store.Held, "held", "behind parked ones of their streams"},
		{store.Requeued, "requeued", "that the relay publishes next"},
	} {
		if row.count > 0 {
			events := plural(row.count, "event")
			if store.OpenMore {
				events += " or more"
			}
			rows = append(rows, []string{row.name, events + " " + row.text})
		}
	}
	if store.Paused {
		rows = append(rows, []string{"paused", "nothing is published until somebody runs contrail relays resume" + onStream(store.Stream)})
	}
	if open := store.Appender; open != nil {
		rows = append(rows, []string{"oldest appender", fmt.Sprintf("pid %d (%s), open for %s, last statement: %s",
			open.PID, open.ApplicationName, seconds(open.Seconds), breaks.ReplaceAllString(open.Query, " "))})
	}
	return rows
}
