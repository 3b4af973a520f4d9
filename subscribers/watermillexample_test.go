package subscribers_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/ThreeDotsLabs/watermill"
	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/components/cqrs"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
)

// A Watermill router on the events of all invoices. With Verdict its handlers say what is to become of an event that failed.
func ExampleSubscriber() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	js, _, publish := exampleWorld(ctx)
	defer publish.close()

	subscriber, err := subscribers.NewSubscriber(js, subscribers.Config{Durable: "mailer", Concurrency: 1})
	if err != nil {
		panic(err)
	}
	router := must(message.NewRouter(message.RouterConfig{}, watermill.NopLogger{}))
	router.AddMiddleware(subscribers.Verdict)
	calls := 0
	router.AddConsumerHandler("mailer", "invoice", subscriber, func(msg *message.Message) error {
		if calls++; calls == 4 {
			stop()
		}
		event, _ := subscribers.DeliveredMessage(msg)
		fmt.Printf("%s, delivery %d: %s\n", event.Stream, event.Delivery.Attempt, msg.Payload)
		switch {
		case event.Stream.ID() == "1" && event.Delivery.Attempt == 1:
			return contrail.RetryAfter(0, errors.New("the mail server is busy"))
		case event.Stream.ID() == "2":
			return contrail.Permanent(errors.New("there is no such address"))
		}
		return nil
	})
	publish.send("invoice-1", issued{N: 1})
	publish.send("payment-1", issued{N: 1}) // another topic
	publish.send("invoice-2", issued{N: 2})
	publish.send("invoice-3", issued{N: 3})
	fmt.Println(router.Run(ctx))
	// Unordered output:
	// invoice-1, delivery 1: {"n":1}
	// invoice-1, delivery 2: {"n":1}
	// invoice-2, delivery 1: {"n":2}
	// invoice-3, delivery 1: {"n":3}
	// <nil>
}

// Typed handlers of Watermill's CQRS component. A group is one durable, in which events come in the order of their streams.
func ExampleCQRSMarshaler() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	js, _, publish := exampleWorld(ctx)
	defer publish.close()

	router := must(message.NewRouter(message.RouterConfig{}, watermill.NopLogger{}))
	router.AddMiddleware(subscribers.Verdict)
	processor := must(cqrs.NewEventGroupProcessorWithConfig(router, cqrs.EventGroupProcessorConfig{
		Marshaler:              subscribers.CQRSMarshaler{},
		AckOnUnknownEvent:      true, // types without a handler
		GenerateSubscribeTopic: func(cqrs.EventGroupProcessorGenerateSubscribeTopicParams) (string, error) { return "invoice", nil },
		SubscriberConstructor: func(params cqrs.EventGroupProcessorSubscriberConstructorParams) (message.Subscriber, error) {
			return subscribers.NewSubscriber(js, subscribers.Config{Durable: params.EventGroupName})
		},
	}))
	err := processor.AddHandlersGroup("summary",
		cqrs.NewGroupEventHandler(func(_ context.Context, event *drafted) error {
			fmt.Println("drafted", event.N)
			return nil
		}),
		cqrs.NewGroupEventHandler(func(_ context.Context, event *issued) error {
			fmt.Println("issued", event.N)
			stop()
			return nil
		}))
	if err != nil {
		panic(err)
	}
	publish.send("invoice-1", drafted{N: 40})
	publish.send("invoice-1", issued{N: 42})
	fmt.Println(router.Run(ctx))
	// Output:
	// drafted 40
	// issued 42
	// <nil>
}

// A stock watermill-nats subscriber on the relay's stream. Its topics are NATS subjects.
func ExampleUnmarshaler() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	js, _, publish := exampleWorld(ctx)
	defer publish.close()

	subscriber, err := wmnats.NewSubscriber(wmnats.SubscriberConfig{
		URL: js.Conn().ConnectedUrl(), Unmarshaler: subscribers.Unmarshaler{}, QueueGroupPrefix: "mailer",
		JetStream: wmnats.JetStreamConfig{DurablePrefix: "mailer", SubscribeOptions: []nats.SubOpt{
			nats.BindStream("EVENTS"), nats.DeliverAll(), nats.AckExplicit(), nats.ManualAck(), nats.MaxDeliver(8),
		}},
	}, watermill.NopLogger{})
	if err != nil {
		panic(err)
	}
	publish.send("invoice-1", issued{N: 42})
	messages := must(subscriber.Subscribe(ctx, "events.invoice.>"))
	msg := <-messages
	fmt.Println(msg.Metadata.Get(subscribers.KeyType), msg.Metadata.Get(subscribers.KeyStream), string(msg.Payload))
	msg.Ack()
	fmt.Println(subscriber.Close())
	// Output:
	// InvoiceIssued invoice-1 {"n":42}
	// <nil>
}
