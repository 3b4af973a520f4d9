package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// subscriptionsResetVerb resets.
type subscriptionsResetVerb struct {
	oneSubscription
	inboxFlags

	Beginning bool          `env:"-" help:"Go on with the stream's first event."`
	New       bool          `env:"-" help:"Go on with what the stream takes from now on."`
	Position  int64         `env:"-" placeholder:"POSITION" help:"Go on with the first event at or above this position."`
	Time      string        `env:"-" placeholder:"TIME" help:"Go on with the first event that the stream took at this time or later."`
	Forget    bool          `env:"-" help:"Have the inbox forget the events from there on, so that they take effect again."`
	Settle    time.Duration `default:"10s" help:"How long what is in hand may take to be answered before."`
	Yes       bool          `short:"y" env:"-" help:"Do not ask."`
	JSON      bool          `name:"json" help:"Print one JSON line."`
}

// Help teaches.
func (*subscriptionsResetVerb) Help() string {
	return `Moves a subscription to another place in its stream, while its processes run or not: everything behind that is delivered once more, or
passed over. A handler with an inbox passes over what has taken effect, unless --forget has the inbox forget it: do away with the effects
first, then. Handlers without an inbox are called again.

The subscription is paused meanwhile, and goes on behind it. Wherever this is interrupted nothing is lost; run it again then. It takes
nats-server 2.14 or later. It asks first, and exits 1 when the subscription, or the place in its stream, is not there.

A time is 2026-11-21T20:15:04Z, a day in UTC such as 2026-11-21, or how long ago: 90s, 2h, 7d.

Examples:

  contrail subscriptions reset invoice-notifications --new
  contrail subscriptions reset invoice-notifications --position 4711 --forget
  contrail subscriptions reset invoice-mails --time 2h --yes`
}

// Run resets.
func (v *subscriptionsResetVerb) Run(ctx context.Context, a *app) error {
	start, err := v.start(time.Now())
	if err != nil {
		return err
	}
	if v.Settle < 0 {
		return usagef("--settle is %s; give 0s or more", v.Settle)
	}
	return a.withJetStream(ctx, v, func(js jetstream.JetStream) error {
		pool, closePool, err := v.openInbox(ctx, a, v.Forget)
		if err != nil {
			return err
		}
		defer closePool()
		if err := v.confirm(ctx, a, js, start); err != nil {
			return v.advised(err)
		}
		to := subscriptions.ResetTo{Start: start, Forget: v.Forget, Settle: v.Settle}
		if to.Settle == 0 {
			to.Settle = -1
		}
		done, err := subscriptions.Reset(ctx, js, pool, v.name(), to)
		if err != nil {
			return v.advised(err)
		}
		return v.print(a, done)
	})
}

// start is what the flags mean.
func (v *subscriptionsResetVerb) start(now time.Time) (start subscribers.Start, err error) {
	given := 0
	if v.Beginning {
		given++
	}
	if v.New {
		given, start = given+1, subscribers.FromNew()
	}
	if v.Position != 0 {
		given, start = given+1, subscribers.FromPosition(contrail.Position(v.Position))
	}
	if v.Time != "" {
		at, err := moment("--time", v.Time, now)
		if err != nil {
			return start, err
		}
		given, start = given+1, subscribers.FromTime(at)
	}
	switch {
	case given != 1:
		return start, usagef("where to? give one of --beginning, --new, --position and --time")
	case v.Position < 0:
		return start, usagef("--position is %d; positions begin with 1", v.Position)
	}
	return start, nil
}

// confirm asks, once it is known that the subscription is there.
func (v *subscriptionsResetVerb) confirm(ctx context.Context, a *app, js jetstream.JetStream, start subscribers.Start) error {
	var now subscriptions.Subscription
	err := a.inTime(ctx, func(ctx context.Context) (err error) {
		now, err = subscriptions.Get(ctx, js, v.name())
		return err
	})
	if err != nil || v.Yes {
		return err
	}
	question := fmt.Sprintf("subscription %s, which is settled to %s, will go on %s", printable(v.Durable), placeOf(now.AckFloor), start)
	if v.Forget {
		question += ", and its inbox will forget what was from there on"
	}
	return a.confirmChange(ctx, os.Stdin, question, "reset")
}

func (v *subscriptionsResetVerb) print(a *app, done subscriptions.ResetDone) error {
	if v.JSON {
		return a.printJSON(done)
	}
	where := fmt.Sprintf("position %d (message %d)", done.Position, done.Sequence)
	if done.Position == 0 {
		where = fmt.Sprintf("what is new (message %d)", done.Sequence)
	}
	a.printf("subscription %s goes on with %s\n", printable(v.Durable), where)
	if done.Forgot {
		a.printf("its inbox has forgotten what was from there on\n")
	}
	if done.InHand > 0 {
		a.printf("%s in hand meanwhile\n", plural(done.InHand, "event")+" "+agree(done.InHand, "was", "were"))
	}
	return nil
}
