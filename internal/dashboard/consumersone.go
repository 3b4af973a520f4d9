package dashboard

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/contrail-events/contrail/internal/picture"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// consumerView is one subscription.
type consumerView struct {
	consumerLine

	Handle *picture.Percentiles `json:"handle_latency"` // from recorded to handled; nil: unknown
}

// Title is the page's.
func (v consumerView) Title() string { return "Consumer " + v.Durable }

// Holder is the process that holds a partition.
func (v consumerView) Holder(partition subscriptions.Partition) string {
	if v.Division == nil || partition.Member == "" {
		return "nobody"
	}
	for _, member := range v.Division.Members {
		if member.ID == partition.Member {
			return v.Process(member)
		}
	}
	return "nobody"
}

// Process is what tells a process from others to a person: there may be two members in one.
func (consumerView) Process(member subscriptions.Member) string {
	id, _, _ := strings.Cut(member.ID, "-")
	return fmt.Sprintf("%s %d (%s)", member.Host, member.PID, id)
}

// Holds are the numbers of a process's partitions.
func (consumerView) Holds(member subscriptions.Member) string {
	if len(member.Holds) == 0 {
		return "none"
	}
	numbers := make([]string, len(member.Holds))
	for i, partition := range member.Holds {
		numbers[i] = strconv.Itoa(partition)
	}
	return strings.Join(numbers, ", ")
}

// There is whether a process is there, in a word.
func (consumerView) There(member subscriptions.Member) string {
	switch {
	case !member.Alive:
		return "gone"
	case member.Leaving:
		return "leaving"
	}
	return "there"
}

// Takes is what a partition does, in a word.
func (consumerView) Takes(partition subscriptions.Partition) string {
	switch {
	case partition.PausedUntil != nil:
		return "paused"
	case partition.Since == nil:
		return "free"
	case partition.Pending > 0 || partition.InHand > 0:
		return "busy"
	}
	return "idle"
}

func (d *Dashboard) readConsumer(ctx context.Context, r *request) (any, error) {
	one, err := subscriptions.Get(ctx, d.js, d.name(r.path("durable")))
	if err != nil {
		return nil, errConsumer(err, r.path("durable"))
	}
	latest, _ := d.sampler.Latest()
	view := consumerView{consumerLine: d.consumerLine(one, latest)}
	if handle, known := latest.Latency.Handle[d.name(one.Durable).String()]; known {
		view.Handle = &handle
	}
	return view, nil
}
