package wmjetstream_test

import (
	"os"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/publisher/wmjetstream"
)

// pair makes publishers of this package and watermill-nats' own subscribers. That subscriber creates the stream of a topic where the suite
// asks it to, or the publisher does.
type pair struct {
	url       string
	provision bool
	exactly   bool
	format    wmnats.MarshalerUnmarshaler
}

// features are what the pair promises. CONTRAIL_LONG=1 runs the suite at its full size.
func (p pair) features() tests.Features {
	return tests.Features{
		ConsumerGroups:                      true,
		ExactlyOnceDelivery:                 p.exactly,
		GuaranteedOrder:                     true,
		GuaranteedOrderWithSingleSubscriber: true, // the stock subscriber's consumers are one for each subscription
		Persistent:                          true,
		RequireSingleInstance:               p.exactly, // for the same reason: several of them get every message several times
		NewSubscriberReceivesOldMessages:    true,
		ForceShort:                          os.Getenv("CONTRAIL_LONG") == "",
	}
}

func (p pair) inGroup(t *testing.T, group string) (message.Publisher, message.Subscriber) {
	t.Helper()
	js, err := jetstream.New(natstest.Connect(t, p.url))
	require.NoError(t, err)
	cfg := wmjetstream.Config{Marshaler: p.format}
	if p.provision {
		cfg.Provision = wmjetstream.ProvisionStream
	}
	publisher, err := wmjetstream.New(js, cfg)
	require.NoError(t, err)

	subscribers := 1
	if group != "" {
		subscribers = 2
	}
	subscriber, err := wmnats.NewSubscriberWithNatsConn(natstest.Connect(t, p.url), wmnats.SubscriberSubscriptionConfig{
		Unmarshaler: p.format, QueueGroupPrefix: group, SubscribersCount: subscribers, CloseTimeout: patience, AckWaitTimeout: patience,
		SubscribeTimeout: patience,
		JetStream: wmnats.JetStreamConfig{
			SubscribeOptions: []nats.SubOpt{nats.DeliverAll(), nats.AckExplicit()}, AckAsync: !p.exactly, DurablePrefix: group,
		},
	}, watermill.NopLogger{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, subscriber.Close()) }) // the suite leaves one open
	return publisher, subscriber
}

func (p pair) inNoGroup(t *testing.T) (message.Publisher, message.Subscriber) {
	t.Helper()
	return p.inGroup(t, "")
}

// Watermill's own suite of what every publisher and subscriber should do, with the subscriber as it comes.
func TestConformance(t *testing.T) {
	t.Parallel()
	for name, made := range map[string]pair{
		"headers":      {format: &wmnats.NATSMarshaler{}},
		"exactly once": {format: &wmnats.NATSMarshaler{}, exactly: true},
		"JSON":         {format: &wmnats.JSONMarshaler{}},
		"provisioned":  {format: &wmnats.NATSMarshaler{}, provision: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			made.url = natstest.Start(t).URL()
			tests.TestPubSub(t, made.features(), made.inNoGroup, made.inGroup)
		})
	}
}
