package main

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// subscriptionsResumeVerb resumes.
type subscriptionsResumeVerb struct{ oneSubscription }

// Help teaches.
func (*subscriptionsResumeVerb) Help() string {
	return `Has the broker deliver events to a subscription again that was paused. One that is not paused stays as it is.

Examples:

  contrail subscriptions resume invoice-notifications`
}

// Run resumes.
func (v *subscriptionsResumeVerb) Run(ctx context.Context, a *app) error {
	return a.withJetStream(ctx, v, func(js jetstream.JetStream) error {
		if err := a.inTime(ctx, func(ctx context.Context) error { return subscriptions.Resume(ctx, js, v.name()) }); err != nil {
			return v.advised(err)
		}
		a.printf("subscription %s is resumed\n", printable(v.Durable))
		return nil
	})
}
