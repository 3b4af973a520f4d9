package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// subscriptionsVerb looks at the subscriptions of a stream and tells them what to do.
type subscriptionsVerb struct {
	List   subscriptionsListVerb   `cmd:"" help:"List the subscriptions of a stream, and how far they are."`
	Show   subscriptionsShowVerb   `cmd:"" help:"Show one of them with all that the broker knows."`
	Pause  subscriptionsPauseVerb  `cmd:"" help:"Have no events delivered to a subscription, whoever runs it."`
	Resume subscriptionsResumeVerb `cmd:"" help:"Have them delivered again."`
	Reset  subscriptionsResetVerb  `cmd:"" help:"Move a subscription to another place in its stream."`
	Replay subscriptionsReplayVerb `cmd:"" help:"Send a range of events to a subscription once more."`

	Undivide subscriptionsUndivideVerb `cmd:"" help:"Do away with the partitions of a subscription, to have another number of them."`
}

// subscriptionFlags are those of all these verbs.
type subscriptionFlags struct {
	NATSURL     string `name:"nats-url" env:"NATS_URL" placeholder:"URL" help:"NATS with JetStream, as in nats://host:4222; several servers of a cluster are separated by commas."`
	Stream      string `default:"EVENTS" help:"The JetStream stream of the events."`
	DeadLetters string `default:"DEADLETTERS" help:"The JetStream stream of the dead letters."`
}

// broker are the flags that other verbs have as well.
func (f subscriptionFlags) broker() brokerFlags {
	return brokerFlags{NATSURL: f.NATSURL, Stream: f.Stream, Prefix: "events"}
}

func (f subscriptionFlags) check() error {
	return errors.Join(f.broker().checkBroker(), checkStream(f.DeadLetters))
}

// oneSubscription is which one is meant.
type oneSubscription struct {
	subscriptionFlags

	Durable string `arg:"" help:"The subscription: the name of its durable consumer."`
}

func (f oneSubscription) name() subscriptions.Name {
	return subscriptions.Name{Durable: f.Durable, Stream: f.Stream, DeadLetters: f.DeadLetters}
}

func (f oneSubscription) check() error {
	if f.Durable == "" || strings.ContainsAny(f.Durable, " .*>/\\\t\r\n") {
		return errors.Join(f.subscriptionFlags.check(), usagef("%q is no name of a durable consumer", f.Durable))
	}
	return f.subscriptionFlags.check()
}

// withJetStream checks the flags and opens what the verbs below work with.
func (a *app) withJetStream(ctx context.Context, flags interface {
	check() error
	broker() brokerFlags
}, do func(js jetstream.JetStream) error,
) error {
	if err := flags.check(); err != nil {
		return err
	}
	js, closeNATS, err := a.openJetStream(ctx, flags.broker())
	if err != nil {
		return err
	}
	defer closeNATS()
	return do(js)
}

// advised adds what to do where a subscription is not found.
func (f oneSubscription) advised(err error) error {
	if errors.Is(err, subscriptions.ErrNotFound) {
		return fmt.Errorf("stream %s has no subscription %q; contrail subscriptions list%s shows which there are",
			printable(f.Stream), f.Durable, onStream(f.Stream))
	}
	return err
}
