package wmjetstream_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/ThreeDotsLabs/watermill"
	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/publisher/wmjetstream"
)

// A subscriber of watermill-nats reads what is published.
func Example() {
	js, closeAll := exampleJetStream()
	defer closeAll()

	publisher, err := wmjetstream.New(js, wmjetstream.Config{Provision: wmjetstream.ProvisionStream})
	if err != nil {
		panic(err)
	}
	defer func() { _ = publisher.Close() }()
	placed := message.NewMessage("0192d0a4-7c1e-7000-8000-000000000001", []byte(`{"total": "19.80"}`))
	placed.Metadata.Set("correlation_id", "checkout-7")
	shipped := message.NewMessage("0192d0a4-7c1e-7000-8000-000000000002", []byte(`{}`))
	if err := publisher.Publish("orders", placed, shipped); err != nil {
		panic(err) // both are stored otherwise
	}

	subscriber, err := wmnats.NewSubscriber(wmnats.SubscriberConfig{URL: js.Conn().ConnectedUrl()}, watermill.NopLogger{})
	if err != nil {
		panic(err)
	}
	defer func() { _ = subscriber.Close() }()
	messages, err := subscriber.Subscribe(context.Background(), "orders")
	if err != nil {
		panic(err)
	}
	for range 2 {
		msg := <-messages
		fmt.Println(msg.UUID, string(msg.Payload), msg.Metadata["correlation_id"])
		msg.Ack()
	}
	// Output:
	// 0192d0a4-7c1e-7000-8000-000000000001 {"total": "19.80"} checkout-7
	// 0192d0a4-7c1e-7000-8000-000000000002 {}
}

func ExamplePublishError() {
	js, closeAll := exampleJetStream()
	defer closeAll()
	_, err := js.CreateStream(context.Background(), jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders"}, MaxMsgSize: 500})
	if err != nil {
		panic(err)
	}

	publisher, err := wmjetstream.New(js, wmjetstream.Config{InFlight: 1})
	if err != nil {
		panic(err)
	}
	err = publisher.Publish("orders",
		message.NewMessage("a", []byte("small")), message.NewMessage("b", make([]byte, 1000)), message.NewMessage("c", []byte("small")))
	if report, ok := errors.AsType[*wmjetstream.PublishError](err); ok {
		fmt.Println("stored:", report.Published, "of", report.Messages)
		fmt.Println("failed:", report.UUID, "on", report.Subject)
		fmt.Println("too large:", errors.Is(err, wmjetstream.ErrTooLarge), "for ever:", contrail.IsPermanent(err))
	}
	// Output:
	// stored: 1 of 3
	// failed: b on orders
	// too large: true for ever: true
}

// Topics get subjects below a common prefix, which one stream takes; since a message may then go to two topics of that stream, its topic is
// part of its id.
func ExampleConfig() {
	js, closeAll := exampleJetStream()
	defer closeAll()
	ctx := context.Background()
	stream, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "SHOP", Subjects: []string{"shop.>"}})
	if err != nil {
		panic(err)
	}

	publisher, err := wmjetstream.New(js, wmjetstream.Config{
		Subject: func(topic string) string { return "shop." + topic },
		MsgID:   func(topic string, msg *message.Message) string { return topic + "/" + msg.UUID },
	})
	if err != nil {
		panic(err)
	}
	for _, topic := range []string{"orders", "poisoned", "orders"} { // the third is the first again
		if err := publisher.Publish(topic, message.NewMessage("42", []byte(`{}`))); err != nil {
			panic(err)
		}
	}
	for sequence := range uint64(2) {
		msg, err := stream.GetMsg(ctx, sequence+1)
		if err != nil {
			panic(err)
		}
		fmt.Println(msg.Subject, msg.Header.Get(jetstream.MsgIDHeader))
	}
	// Output:
	// shop.orders orders/42
	// shop.poisoned poisoned/42
}

// exampleJetStream is a NATS server of the example's own, and a connection to it.
func exampleJetStream() (js jetstream.JetStream, closeAll func()) {
	server, err := localstack.StartNATS(localstack.NATSConfig{})
	if err != nil {
		panic(err)
	}
	conn, err := nats.Connect(server.URL())
	if err != nil {
		panic(err)
	}
	js, err = jetstream.New(conn)
	if err != nil {
		panic(err)
	}
	return js, func() { conn.Close(); _ = server.Close() }
}
