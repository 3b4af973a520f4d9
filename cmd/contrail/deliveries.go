package main

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// deliveriesVerb looks after what subscribers do outside the database.
type deliveriesVerb struct {
	List    deliveriesListVerb    `cmd:"" help:"List deliveries: what is to reach whom, by what, and how far that is."`
	Show    deliveriesShowVerb    `cmd:"" help:"Show one of them: all that became of it, why it stands where it stands, what to do."`
	Redrive deliveriesRedriveVerb `cmd:"" help:"Have deliveries sent that failed, are held or have ended without success."`
	Cancel  deliveriesCancelVerb  `cmd:"" help:"Decide that deliveries shall not be sent."`
	Recover deliveriesRecoverVerb `cmd:"" help:"Recover deliveries whose process has died."`
	Purge   deliveriesPurgeVerb   `cmd:"" help:"Delete what has ended long ago."`
}

// deliveriesScope is whose deliveries may be seen and changed.
type deliveriesScope struct {
	Tenant string `placeholder:"ID" help:"Deliveries of events with this tenant id, and no others, as if those were not there."`
}

func (s deliveriesScope) scope() deliveries.Scope { return deliveries.Scope{Tenant: s.Tenant} }

// deliveriesFilter are the flags that select deliveries.
type deliveriesFilter struct {
	deliveriesScope

	Consumer  string   `placeholder:"CONSUMER" help:"Deliveries in this consumer's ledger."`
	Channel   string   `env:"-" placeholder:"CHANNEL" help:"Deliveries by this channel, as in mail."`
	Recipient string   `env:"-" placeholder:"RECIPIENT" help:"Deliveries to this recipient, as in contact-42."`
	State     []string `env:"-" enum:"pending,dispatched,failed,succeeded,suppressed,cancelled" placeholder:"STATE" help:"Deliveries in this state, one of ${enum}; may be given several times."`
	Held      bool     `env:"-" help:"Those that are held for a person."`
	Stuck     bool     `env:"-" help:"Those whose process has died during an attempt. With --held: either."`
	Reason    []string `env:"-" placeholder:"REASON" help:"Deliveries that stand where they stand for this reason, as in retries_exhausted; may be given several times."`
	Event     string   `env:"-" placeholder:"ID" help:"Deliveries of this event."`
	StreamID  string   `name:"stream-id" placeholder:"STREAM" help:"Of events of this stream of events, such as invoice-42."`
	Type      string   `placeholder:"TYPE" help:"Of events of this type."`
	Since     string   `placeholder:"TIME" help:"Planned at this time or later."`
	Until     string   `placeholder:"TIME" help:"Planned before this time."`
}

// isGiven tells whether anything is to be left aside, but for what is another tenant's.
func (f deliveriesFilter) isGiven() bool {
	return f.Consumer != "" || f.Channel != "" || f.Recipient != "" || len(f.State) > 0 || f.Held || f.Stuck || len(f.Reason) > 0 || f.Event != "" ||
		f.StreamID != "" || f.Type != "" || f.Since != "" || f.Until != ""
}

// filter says it in the package's words, and refuses what the package would.
func (f deliveriesFilter) filter(now time.Time) (deliveries.Filter, error) {
	filter := deliveries.Filter{Tenant: f.Tenant, Consumer: f.Consumer, Channel: f.Channel, Recipient: f.Recipient, Type: f.Type}
	for _, state := range f.State {
		filter.States = append(filter.States, deliveries.State(state))
	}
	for _, reason := range f.Reason {
		filter.Reasons = append(filter.Reasons, deliveries.Reason(reason))
	}
	if f.Held {
		filter.Standings = append(filter.Standings, deliveries.StandingHeld)
	}
	if f.Stuck {
		filter.Standings = append(filter.Standings, deliveries.StandingStuck)
	}
	var err error
	if f.Event != "" {
		if filter.Event, err = uuid.Parse(f.Event); err != nil {
			return filter, usagef("--event is %q; give the event's id", f.Event)
		}
	}
	if f.StreamID != "" {
		if filter.Stream, err = contrail.ParseStreamID(f.StreamID); err != nil {
			return filter, usagef("--stream-id: %v", err)
		}
	}
	if filter.Since, err = moment("--since", f.Since, now); err != nil {
		return filter, err
	}
	if filter.Until, err = moment("--until", f.Until, now); err != nil {
		return filter, err
	}
	if err := filter.Validate(); err != nil {
		return filter, usageError{inDeliveryFlags(err)}
	}
	return filter, nil
}

// inDeliveryFlags is what the package says of faulty fields, with the flags that they stand for.
func inDeliveryFlags(err error) string {
	return strings.NewReplacer(
		"deliveries.Filter: Consumer", "--consumer", "deliveries.Filter: Tenant", "--tenant", "deliveries.Filter: Channel", "--channel",
		"deliveries.Filter: Recipient", "--recipient", "deliveries.Filter: Reasons", "--reason", "deliveries.Filter: Type", "--type",
		"deliveries.Filter: Since", "--since", "before Until", "before --until", "deliveries.Order: Because", "--because", "\n", "; ",
	).Replace(err.Error())
}

// deliveryIDs reads what was named.
func deliveryIDs(texts []string) ([]uuid.UUID, error) {
	ids := make([]uuid.UUID, len(texts))
	for n, text := range texts {
		id, err := uuid.Parse(text)
		if err != nil {
			return nil, usagef("%q is no delivery's id; contrail deliveries list shows them", text)
		}
		ids[n] = id
	}
	return ids, nil
}
