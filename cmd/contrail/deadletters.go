package main

import (
	"context"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/deadletters"
)

// deadLettersVerb looks after the events that subscriptions could not handle.
type deadLettersVerb struct {
	List    deadLettersListVerb    `cmd:"" help:"List dead letters: events that a subscription could not handle."`
	Show    deadLettersShowVerb    `cmd:"" help:"Show one of them: why it failed, what the event is, what to do."`
	Requeue deadLettersRequeueVerb `cmd:"" help:"Have the consumer that could not handle events handle them again."`
	Discard deadLettersDiscardVerb `cmd:"" help:"Decide that events shall not be handled."`
	Purge   deadLettersPurgeVerb   `cmd:"" help:"Delete what is old for good."`
}

// deadLettersStream is the stream that it is about.
type deadLettersStream struct {
	NATSURL     string `name:"nats-url" env:"NATS_URL" placeholder:"URL" help:"NATS with JetStream, as in nats://host:4222; several servers of a cluster are separated by commas."`
	DeadLetters string `default:"DEADLETTERS" help:"The JetStream stream of dead letters."`
}

// broker names the stream as other verbs name theirs.
func (s deadLettersStream) broker() brokerFlags {
	return brokerFlags{NATSURL: s.NATSURL, Stream: s.DeadLetters, Prefix: subscribers.DeadLetterPrefix(s.DeadLetters)}
}

// withBroker does something with the connection.
func (s deadLettersStream) withBroker(ctx context.Context, a *app, do func(js jetstream.JetStream) error) error {
	js, closeNATS, err := a.openJetStream(ctx, s.broker())
	if err != nil {
		return err
	}
	defer closeNATS()
	return do(js)
}

// deadLettersFilter are the flags that select letters.
type deadLettersFilter struct {
	Consumer string   `placeholder:"CONSUMER" help:"Letters of this consumer, the subscription's durable."`
	Reason   []string `env:"-" enum:"permanent,exhausted,undecodable,foreign,abandoned,crashed,terminated,replay,malformed" placeholder:"REASON" help:"Letters for this reason, one of ${enum}; may be given several times."`
	Category string   `placeholder:"CATEGORY" help:"Events of this category, the part of a stream of events before its first '-'."`
	Type     string   `placeholder:"TYPE" help:"Events of this type."`
	StreamID string   `name:"stream-id" placeholder:"STREAM" help:"Events of this stream of events, such as invoice-42."`
	Tenant   string   `placeholder:"ID" help:"Events with this tenant id."`
	Error    string   `env:"-" placeholder:"TEXT" help:"Letters whose error, or one that it wraps, has this text in it."`
	Since    string   `placeholder:"TIME" help:"What has failed, or was requeued or discarded, at this time or later."`
	Until    string   `placeholder:"TIME" help:"What has failed, or was requeued or discarded, before this time."`
}

// isGiven tells whether anything is to be left aside.
func (f deadLettersFilter) isGiven() bool {
	return f.Consumer != "" || len(f.Reason) > 0 || f.Category != "" || f.Type != "" || f.StreamID != "" || f.Tenant != "" || f.Error != "" ||
		f.Since != "" || f.Until != ""
}

// filter says it in the package's words, and refuses what the package would.
func (f deadLettersFilter) filter(stream deadLettersStream, states []string, now time.Time) (deadletters.Filter, error) {
	filter := deadletters.Filter{
		Stream: stream.DeadLetters, Consumer: f.Consumer, Category: f.Category, Type: f.Type, Tenant: f.Tenant, ErrorContains: f.Error,
	}
	for _, state := range states {
		filter.States = append(filter.States, deadletters.State(state))
	}
	for _, reason := range f.Reason {
		filter.Reasons = append(filter.Reasons, subscribers.Reason(reason))
	}
	var err error
	if f.StreamID != "" {
		if filter.EventStream, err = contrail.ParseStreamID(f.StreamID); err != nil {
			return filter, usagef("--stream-id: %v", err)
		}
	}
	if filter.Since, err = moment("--since", f.Since, now); err != nil {
		return filter, err
	}
	if filter.Until, err = moment("--until", f.Until, now); err != nil {
		return filter, err
	}
	if err := stream.broker().checkBroker(); err != nil {
		return filter, err
	}
	if err := filter.Validate(); err != nil {
		return filter, usageError{inDeadLetterFlags(err)}
	}
	return filter, nil
}

// inDeadLetterFlags is what the package says of faulty fields, with the flags that they stand for.
func inDeadLetterFlags(err error) string {
	return strings.NewReplacer(
		"deadletters.Filter: EventStream", "--stream-id", "deadletters.Filter: Stream ", "--dead-letters ", "deadletters.Filter: States", "--state",
		"deadletters.Filter: Consumer", "--consumer", "deadletters.Filter: Category", "--category", "deadletters.Filter: Type", "--type",
		"deadletters.Filter: Tenant", "--tenant", "deadletters.Filter: Since", "--since", "before Until", "before --until",
		"deadletters.Decision: Because", "--because", "deadletters.Options: Rate", "--rate", "\n", "; ",
	).Replace(err.Error())
}
