package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/webhook"
)

func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	js, pool, closeAll := exampleWorld(ctx)
	defer closeAll()
	store := must(eventstore.New(eventstore.Config{}))

	// Somebody else's server, which wants to be told what is issued.
	var secret webhook.Secret
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body := make([]byte, request.ContentLength)
		must(readFull(request, body))
		if err := must(standardwebhooks.NewWebhook(secret.Reveal())).Verify(body, request.Header); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Println("received:", must(wire.Decode(body)).Type)
		cancel()
	}))
	defer receiver.Close()

	endpoint, secret, err := webhook.Add(ctx, pool, webhook.Endpoint{
		Consumer: "webhooks", URL: receiver.URL, Types: []string{"InvoiceIssued"},
		Private: true, // it is on this machine
	}, webhook.Secret{})
	fmt.Println("added:", endpoint.State, err)

	hooks, err := webhook.New(js, pool, webhook.Config{
		Subscription: subscribers.Config{Durable: "webhooks"},
		AllowPrivate: true,
		Append: func(ctx context.Context, tx pgx.Tx, stream contrail.StreamID, events ...contrail.Event) error {
			_, err := store.Append(ctx, tx, stream, eventstore.Any, events...)
			return err
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("stopped:", hooks.Run(ctx))
	// Output:
	// added: enabled <nil>
	// received: InvoiceIssued
	// stopped: <nil>
}

func ExampleAdd() {
	_, _, err := webhook.Add(context.Background(), nil, webhook.Endpoint{Consumer: "webhooks", URL: "https://localhost/"}, webhook.Secret{})
	fmt.Println("refused:", errors.Is(err, webhook.ErrRefused))
	// Output: refused: true
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// exampleWorld starts both servers, since an example has no testing.TB, and publishes an event, as a relay would.
func exampleWorld(ctx context.Context) (jetstream.JetStream, *pgxpool.Pool, func()) {
	stack := must(localstack.Start(ctx, localstack.Config{}))
	conn := must(nats.Connect(stack.NATSURL()))
	pool := must(pgxpool.New(ctx, stack.DatabaseURL()))
	js := must(jetstream.New(conn))
	must(eventstore.Migrate(ctx, pool))
	must(js.CreateStream(ctx, jetstream.StreamConfig{Name: wire.DefaultStream, Subjects: []string{"events.>"}}))
	event := contrail.Recorded{
		Position: 1, ID: uuid.New(), Stream: contrail.NewStreamID("invoice", "42"), Version: 1, Type: "InvoiceIssued", Data: []byte(`{"number":"2026-1"}`),
	}
	must(js.Publish(ctx, wire.Subject(wire.DefaultPrefix, event), wire.Append(nil, source, event)))
	return js, pool, func() {
		pool.Close()
		conn.Close()
		if err := stack.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}
