package main

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// subscriptionsPauseVerb pauses.
type subscriptionsPauseVerb struct {
	oneSubscription

	For   string `env:"-" placeholder:"TIME" help:"For how long, as 90s, 2h or 7d."`
	Until string `env:"-" placeholder:"TIME" help:"Until when, as 2026-11-21T20:15:04Z."`
}

// Help teaches.
func (*subscriptionsPauseVerb) Help() string {
	return `Has the broker deliver no events to a subscription until it is resumed, or until the time that is given, whatever processes run,
start or end meanwhile; nor what is requeued or replayed to it. What a process has in hand it still handles, and what fails waits. Nothing is
lost, and the processes need not know of it.

Examples:

  contrail subscriptions pause invoice-notifications
  contrail subscriptions pause invoice-notifications --for 2h`
}

// Run pauses.
func (v *subscriptionsPauseVerb) Run(ctx context.Context, a *app) error {
	until, err := v.until(time.Now())
	if err != nil {
		return err
	}
	return a.withJetStream(ctx, v, func(js jetstream.JetStream) error {
		err := a.inTime(ctx, func(ctx context.Context) error { return subscriptions.Pause(ctx, js, v.name(), until) })
		if err != nil {
			return v.advised(err)
		}
		if until.Equal(subscriptions.Forever()) {
			a.printf("subscription %s is paused\n", printable(v.Durable))
		} else {
			a.printf("subscription %s is paused until %s\n", printable(v.Durable), until.UTC().Format(time.RFC3339))
		}
		return nil
	})
}

// until is the time that the flags mean.
func (v *subscriptionsPauseVerb) until(now time.Time) (time.Time, error) {
	switch {
	case v.For != "" && v.Until != "":
		return time.Time{}, usagef("both --for and --until are given; give one of them")
	case v.For != "":
		length, err := duration(v.For)
		if err != nil || length <= 0 {
			return time.Time{}, usagef("--for is %q; give how long as 90s, 2h or 7d", v.For)
		}
		return now.Add(length), nil
	case v.Until != "":
		until, err := time.Parse(time.RFC3339Nano, v.Until)
		if err != nil || !until.After(now) {
			return time.Time{}, usagef("--until is %q; give a time to come as %s", v.Until, now.Add(time.Hour).UTC().Format(time.RFC3339))
		}
		return until, nil
	}
	return subscriptions.Forever(), nil
}
