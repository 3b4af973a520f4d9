package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// subscriptionsUndivideVerb undivides.
type subscriptionsUndivideVerb struct {
	oneSubscription

	Yes  bool `short:"y" env:"-" help:"Do not ask."`
	JSON bool `name:"json" help:"Print one JSON line."`
}

// Help teaches.
func (*subscriptionsUndivideVerb) Help() string {
	return `Does away with the partitions of a subscription, so that its processes can be started with another number of them, or with none. Stop its
processes first; events may wait, and may come meanwhile. The subscription goes on with the first event that is not settled in its
partition. Later ones that were handled already are delivered once more: an inbox passes over them, handlers without one are called again. When
nothing waits there are none.

It stays paused if it was. Wherever this is interrupted nothing is lost; run it again then. It asks first, and exits 1 when processes run, or
the subscription has no partitions.

Examples:

  contrail subscriptions undivide invoice-notifications
  contrail subscribe --partitions 8`
}

// Run undivides.
func (v *subscriptionsUndivideVerb) Run(ctx context.Context, a *app) error {
	return a.withJetStream(ctx, v, func(js jetstream.JetStream) error {
		if err := v.confirm(ctx, a, js); err != nil {
			return v.advised(err)
		}
		done, err := subscriptions.Undivide(ctx, js, v.name())
		switch {
		case err != nil:
			return v.advised(err)
		case v.JSON:
			return a.printJSON(done)
		}
		where := fmt.Sprintf("position %d (message %d)", done.Position, done.Sequence)
		if done.Position == 0 {
			where = fmt.Sprintf("what is new (message %d)", done.Sequence)
		}
		a.printf("subscription %s has no partitions any more, and goes on with %s\n", printable(v.Durable), where)
		if done.Again > 0 {
			a.printf("%s behind that %s handled before, and will be delivered once more\n",
				plural(done.Again, "event"), agree(done.Again, "was", "were"))
		}
		return nil
	})
}

// confirm asks, once it is known that the subscription is there, and divided.
func (v *subscriptionsUndivideVerb) confirm(ctx context.Context, a *app, js jetstream.JetStream) error {
	var now subscriptions.Subscription
	err := a.inTime(ctx, func(ctx context.Context) (err error) {
		now, err = subscriptions.Get(ctx, js, v.name())
		return err
	})
	switch {
	case err != nil:
		return err
	case now.Division == nil:
		return errors.New("subscription " + printable(v.Durable) + " has no partitions; nothing was changed")
	case v.Yes:
		return nil
	}
	question := fmt.Sprintf("subscription %s, which is settled to %s, will have no partitions any more; it has %d",
		printable(v.Durable), placeOf(now.AckFloor), len(now.Division.Partitions))
	return a.confirmChange(ctx, os.Stdin, question, "undivide")
}
