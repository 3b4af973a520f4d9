package subscribers_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
	"github.com/contrail-events/contrail/subscribers"
)

// An event of a former type has become two, of which a handler skips one: the other's is called.
func TestSkipOfOnePartOfAnEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one := func(d drafted) (drafted, error) { return d, nil }
	two := func(d issued) (issued, error) { return d, nil }
	both := codec.MustNew(codec.Type[drafted](), codec.Type[issued](), codec.Upcast("Both", 1,
		codec.Split(codec.Into("InvoiceDrafted", 1, one), codec.Into("InvoiceIssued", 1, two))))
	sub := w.subscribe(t, subscribers.Config{Codec: both})
	var handled calls
	subscribers.Handle(sub, func(context.Context, contrail.Delivered[drafted]) error {
		handled.add(1)
		return contrail.Skip("not ours")
	})
	subscribers.Handle(sub, func(context.Context, contrail.Delivered[issued]) error {
		handled.add(2)
		return nil
	})
	event := w.event("invoice-1", drafted{})
	event.Type = "Both"
	w.send(t, event)
	run(t, sub)
	w.settled(t)
	require.Equal(t, [2]int{1, 1}, [2]int{handled.of(1), handled.of(2)})
}
