package attempts_test

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/subscribers/attempts"
)

func ExampleOf() {
	ctx := context.Background()
	js, closeAll := exampleBroker()
	defer closeAll()
	event := uuid.MustParse("0192f0c1-2d3e-7f4a-8b5c-6d7e8f901234")
	exampleSubscription(ctx, js, event) // fails at first

	found, err := attempts.Of(ctx, js, "EVENTS", event)
	must(err)
	for _, one := range found {
		fmt.Println(one.Durable, one.Delivery, one.Verdict, one.Error)
	}
	// Output:
	// invoice-summary 1 retried the ledger is closed
	// invoice-summary 2 handled
}

// exampleSubscription writes what a subscription would.
func exampleSubscription(ctx context.Context, js jetstream.JetStream, event uuid.UUID) {
	_, err := js.CreateStream(ctx, attempts.StreamConfig(jetstream.StreamConfig{Replicas: 1}))
	must(err)
	began := time.Date(2026, 11, 21, 20, 15, 4, 0, time.UTC)
	for _, one := range []attempts.Attempt{
		{Event: event, Stream: "EVENTS", Durable: "invoice-summary", Delivery: 1, Verdict: attempts.Retried, Error: "the ledger is closed", Began: began},
		{Event: event, Stream: "EVENTS", Durable: "invoice-summary", Delivery: 2, Verdict: attempts.Handled, Began: began.Add(time.Second)},
	} {
		data, err := json.Marshal(one)
		must(err)
		_, err = js.Publish(ctx, one.Subject(), data)
		must(err)
	}
}

func exampleBroker() (js jetstream.JetStream, closeAll func()) {
	server, err := localstack.StartNATS(localstack.NATSConfig{})
	must(err)
	conn, err := nats.Connect(server.URL())
	must(err)
	js, err = jetstream.New(conn)
	must(err)
	return js, func() { conn.Close(); must(server.Close()) }
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
