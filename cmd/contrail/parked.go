package main

import (
	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/publisher/parked"
)

// parkedVerb looks after the events that a relay has left out.
type parkedVerb struct {
	List    parkedListVerb    `cmd:"" help:"List the events that wait: parked, held behind a parked one, or requeued."`
	Show    parkedShowVerb    `cmd:"" help:"Show one of them: why it was left out, what the broker said, what to do."`
	Requeue parkedRequeueVerb `cmd:"" help:"Have the relay publish events after all."`
	Discard parkedDiscardVerb `cmd:"" help:"Decide that events shall not be published."`
	Purge   parkedPurgeVerb   `cmd:"" help:"Forget what is over for long."`
}

// parkedStream is the relay that it is about.
type parkedStream struct {
	Stream string `default:"EVENTS" help:"The JetStream stream whose relay has left the events out."`
}

// parkedFilter are the flags that select events.
type parkedFilter struct {
	StreamID string   `name:"stream-id" placeholder:"STREAM" help:"Events of this stream of events, such as invoice-42."`
	Category string   `placeholder:"CATEGORY" help:"Events of this category, the part of a stream of events before its first '-'."`
	State    []string `enum:"parked,held,requeued,published,discarded" placeholder:"STATE" help:"Events in this state, one of ${enum}; may be given several times."`
	Reason   []string `enum:"message_too_large,invalid_subject,refused,held,missing,lost" placeholder:"REASON" help:"Events left out for this reason, one of ${enum}; may be given several times."`
}

// isGiven tells whether anything is to be left aside.
func (f parkedFilter) isGiven() bool {
	return f.StreamID != "" || f.Category != "" || len(f.State) > 0 || len(f.Reason) > 0
}

// filter says it in the package's words.
func (f parkedFilter) filter(relay string) (parked.Filter, error) {
	filter := parked.Filter{Relay: relay, Category: f.Category}
	var err error
	if f.StreamID != "" {
		if filter.Stream, err = contrail.ParseStreamID(f.StreamID); err != nil {
			return filter, usagef("--stream-id: %v", err)
		}
	}
	if f.Category != "" && contrail.NewStreamID(f.Category, "1").Validate() != nil {
		return filter, usagef("--category is %q; it is made of letters, digits and '_'", f.Category)
	}
	for _, state := range f.State {
		filter.States = append(filter.States, parked.State(state))
	}
	for _, reason := range f.Reason {
		filter.Reasons = append(filter.Reasons, parked.Reason(reason))
	}
	return filter, nil
}
