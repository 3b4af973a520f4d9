package deliveries_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

type invoiceIssued struct {
	Number string `json:"number"`
}

func (invoiceIssued) EventType() string { return "InvoiceIssued" }

// A handler plans a mail in its transaction; the ledger sends it behind that, once, and tries again when the mail server is down.
func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	pool, closeAll := exampleDatabase(ctx)
	defer closeAll()
	sent := make(chan struct{})
	mailer := deliveries.AdapterFunc(func(_ context.Context, d deliveries.Delivery) (deliveries.Receipt, error) {
		fmt.Printf("attempt %d: %s to %s\n", d.Attempt, d.Event.Data, d.Recipient)
		if d.Attempt == 1 {
			return deliveries.Receipt{}, contrail.RetryAfter(time.Millisecond, errors.New("the mail server is down"))
		}
		close(sent)
		return deliveries.Receipt{ID: "m-17", Response: "250 ok"}, nil
	})
	ledger := must(deliveries.New(pool, deliveries.Config{Consumer: "invoice-mail", Adapters: map[string]deliveries.Adapter{"mail": mailer}}))
	handle := func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[invoiceIssued]) error { // as given to subscribers.HandleTx
		return ledger.Plan(ctx, tx, deliveries.From(e), deliveries.Target{Channel: "mail", Recipient: "contact-42"})
	}
	for range 2 { // the message comes twice
		must(0, pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return handle(ctx, tx, exampleEvent()) }))
	}
	ended := make(chan error)
	go func() { ended <- ledger.Run(ctx) }()
	<-sent
	cancel()
	fmt.Println(<-ended)
	// Output:
	// attempt 1: {"number":"2026-1"} to contact-42
	// attempt 2: {"number":"2026-1"} to contact-42
	// <nil>
}

// Without a dispatcher, in a handler without a transaction: the message comes back when there is something to try again.
func ExampleLedger_Deliver() {
	ctx := context.Background()
	pool, closeAll := exampleDatabase(ctx)
	defer closeAll()
	poster := deliveries.AdapterFunc(func(context.Context, deliveries.Delivery) (deliveries.Receipt, error) {
		return deliveries.Receipt{}, deliveries.Bounced(errors.New("550 no such user"))
	})
	ledger := must(deliveries.New(pool, deliveries.Config{Consumer: "invoice-mail", Adapters: map[string]deliveries.Adapter{"": poster}}))
	event := deliveries.From(exampleEvent())
	fmt.Println(ledger.Deliver(ctx, event, deliveries.Target{Channel: "mail", Recipient: "contact-42"}))
	var state, reason string
	must(0, pool.QueryRow(ctx, `SELECT state, reason FROM contrail.deliveries`).Scan(&state, &reason))
	fmt.Println(state, reason)
	// Output:
	// <nil>
	// cancelled bounced
}

// Rules say what shall not be sent, or not now.
func ExampleQuietHours() {
	rule := deliveries.QuietHours(time.UTC, 22, 7)
	verdict := must(rule(context.Background(), deliveries.RuleContext{Now: time.Date(2026, 11, 2, 23, 30, 0, 0, time.UTC)}))
	fmt.Println(verdict == deliveries.Defer(time.Date(2026, 11, 3, 7, 0, 0, 0, time.UTC), deliveries.ReasonQuietHours))
	// Output:
	// true
}

// A process has died in a call. Nobody knows whether the mail was sent, so it waits for a person.
func ExampleRecover() {
	ctx := context.Background()
	pool, closeAll := exampleDatabase(ctx)
	defer closeAll()
	ledger := must(deliveries.New(pool, deliveries.Config{Consumer: "invoice-mail"}))
	must(0, pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		return ledger.Plan(ctx, tx, deliveries.From(exampleEvent()), deliveries.Target{Channel: "mail", Recipient: "contact-42"})
	}))
	must(pool.Exec(ctx, `SELECT contrail.delivery_begin(id, 'gone', interval '-1 s', 5, 'hold', interval '0') FROM contrail.deliveries`))
	for _, one := range must(deliveries.Recover(ctx, pool, deliveries.RecoverOptions{By: "ada@ops", Because: "the host is gone"})) {
		fmt.Println("attempt", one.Attempt, one.State, "held:", one.Due.IsZero())
	}
	// Output:
	// attempt 1 failed held: true
}

func exampleEvent() contrail.Delivered[invoiceIssued] {
	return contrail.Delivered[invoiceIssued]{
		Recorded: contrail.Recorded{
			Position: 1, ID: uuid.MustParse("01920000-0000-7000-8000-000000000042"), Stream: contrail.NewStreamID("invoice", "42"), Version: 1,
			Type: "InvoiceIssued", Data: []byte(`{"number":"2026-1"}`), RecordedAt: time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC),
		},
		Data: invoiceIssued{Number: "2026-1"}, Delivery: contrail.Delivery{Consumer: "invoice-mail", Sequence: 1, Attempt: 1, Source: sourceOfTest},
	}
}

// exampleDatabase starts a server: an example has no testing.TB.
func exampleDatabase(ctx context.Context) (*pgxpool.Pool, func()) {
	server := must(localstack.StartPostgres(ctx, localstack.PostgresConfig{}))
	pool := must(pgxpool.New(ctx, server.URL()))
	must(eventstore.Migrate(ctx, pool))
	return pool, func() {
		pool.Close()
		if err := server.Close(); err != nil {
			panic(err)
		}
	}
}
