package publisher

import (
	"context"
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/publisher/parked"
)

// anywhere is any Watermill publisher as a destination. It has no sequences and no fence: what is published is what the cursor says.
type anywhere struct {
	to    message.Publisher
	topic func(contrail.Recorded) (string, error)
}

func (a *anywhere) resume(ctx context.Context, l *lead, recorded cursor) (cursor, error) {
	return recorded, l.ledger.save(ctx, recorded)
}

func (a *anywhere) watch(ctx context.Context, _ *lead, _ cursor) (context.Context, func()) {
	return ctx, func() {}
}

func (c *watermillCarrier) close() {} // the publisher is the application's

func (a *anywhere) carrier(l *lead, _ cursor) carrier { return &watermillCarrier{a, l.hook} }

// watermillCarrier publishes each event as a Watermill message of its own, by a call of its own: so it is known which one an error is about,
// and that those before it need not come again.
type watermillCarrier struct {
	*anywhere

	hook func(point string)
}

func (c *watermillCarrier) send(ctx context.Context, b *batch) (func(context.Context) error, error) {
	if b.resent != nil {
		b.sequences = make([]uint64, len(b.events))
	}
	settled := func(context.Context) error { return nil }
	for i, event := range b.events {
		if i == len(b.events)/2 {
			c.hook("in mid-batch")
		}
		if err := c.publish(ctx, event); err != nil {
			return settled, err
		}
		b.done = i + 1
	}
	return settled, nil
}

func (c *watermillCarrier) publish(ctx context.Context, event contrail.Recorded) error {
	topic, err := c.topic(event)
	if err != nil {
		refused := refusedBy(event, err)
		refused.Reason = parked.ReasonInvalidSubject
		return refused
	}
	msg := wire.WatermillMessage(event)
	msg.SetContext(ctx)
	err = c.to.Publish(topic, msg)
	if contrail.IsPermanent(err) {
		return refusedBy(event, err)
	}
	if err != nil {
		return fmt.Errorf("publish position %d to topic %s: %w", event.Position, topic, err)
	}
	return nil
}
