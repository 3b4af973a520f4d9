package webhook_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/jackc/pgx/v5/pgxpool"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/subscribers/webhook"
)

// A receiver takes what is signed with the secret that it was given, and nothing else. Before there is anything to send, a test event shows that it does.
func ExampleTest() {
	ctx := context.Background()
	stack, err := localstack.Start(ctx, localstack.Config{})
	if err != nil {
		panic(err)
	}
	defer stack.Close() //nolint:errcheck // the example is over
	pool, err := pgxpool.New(ctx, stack.DatabaseURL())
	if err != nil {
		panic(err)
	}
	defer pool.Close()
	if _, err := eventstore.Migrate(ctx, pool); err != nil {
		panic(err)
	}
	secrets := make(chan string, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		verifier, err := standardwebhooks.NewWebhook(<-secrets)
		if err != nil || verifier.Verify(body, r.Header) != nil {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer receiver.Close()

	endpoint, secret, err := webhook.Add(ctx, pool, webhook.Endpoint{Consumer: "webhooks", URL: receiver.URL, Private: true}, webhook.Secret{})
	if err != nil {
		panic(err)
	}
	for _, given := range []string{secret.Reveal(), webhook.NewSecret().Reveal()} {
		secrets <- given
		tested, err := webhook.Test(ctx, pool, endpoint.ID, webhook.TestOptions{AllowPrivate: true})
		fmt.Println(tested.OK(), tested.Response, tested.Error, err)
	}
	// Output:
	// true 200 OK  <nil>
	// false 401 Unauthorized the endpoint answers 401 Unauthorized <nil>
}

// A secret shows what it is to who asks for it, and to nobody else.
func ExampleSecret() {
	secret, err := webhook.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	fmt.Println(secret, err)
	fmt.Println(secret.Reveal())
	_, err = webhook.ParseSecret("whsec_c2VzYW1l")
	fmt.Println(err)
	// Output:
	// whsec_…LaSw <nil>
	// whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
	// the secret has 6 bytes; give 24 to 64 of them
}

// All that is wrong is said at once.
func ExampleEndpoint_Validate() {
	fmt.Println(webhook.Endpoint{URL: "http://ada:1@169.254.169.254/", Timeout: 1}.Validate())
	// Output:
	// Consumer is required
	// Timeout: 1ns is not between 1s and 30s
	// URL: has a user or a password in it, which logs would tell; leave it out: receivers check the signature; it begins with http://, by which everybody on the way can read the events; only an endpoint in a private network may, else give https://; it leads where it may not: the address is refused: 169.254.169.254 is where a cloud tells its machines their credentials; no endpoint may be there
}
