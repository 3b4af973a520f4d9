package deliveries_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// Of one delivery nobody knows whether it took effect. A person looks at why it stands where it stands, and has it sent again.
func ExampleExplain() {
	ctx := context.Background()
	pool, id, closeAll := exampleHeld(ctx)
	defer closeAll()
	held := deliveries.Filter{Consumer: "invoice-mail", Standings: []deliveries.Standing{deliveries.StandingHeld}}
	for record, err := range deliveries.List(ctx, pool, held) {
		fmt.Println(record.Event.Stream, record.Channel, record.Recipient, record.State, record.Reason, err)
	}
	timeline, err := deliveries.Explain(ctx, pool, id, deliveries.Scope{})
	if err != nil {
		panic(err)
	}
	fmt.Println(timeline.Why)
	for _, entry := range timeline.Entries {
		fmt.Printf("%s %q\n", entry.What, entry.Because)
	}
	told, err := deliveries.Redrive(ctx, pool, id, deliveries.Order{By: "ada@ops", Because: "they have not got it"})
	fmt.Println("the delivery", told.Text, err)
	// Output:
	// invoice-42 mail contact-42 failed ambiguous <nil>
	// Nobody knows whether attempt 1 took effect (its process did not say what became of it); it is held for a person.
	// planned ""
	// started ""
	// completed ""
	// recovered "its lease is over"
	// held "ambiguous"
	// the delivery is due now, and may reach the recipient twice <nil>
}

// A delivery is cancelled, and sent after all. What somebody else's is can't be told from what is not there.
func ExampleRedrive() {
	ctx := context.Background()
	pool, id, closeAll := exampleHeld(ctx)
	defer closeAll()
	order := deliveries.Order{By: "ada@ops", Because: "paid by phone"}
	cancelled, err := deliveries.Cancel(ctx, pool, id, order)
	fmt.Println("it", cancelled.Text, err)
	order.Because = "the payment was for another invoice"
	told, err := deliveries.Redrive(ctx, pool, id, order)
	fmt.Println(told.Changed, told.Before, told.DuplicateRisk, err)
	order.Scope = deliveries.Scope{Tenant: "t-2"}
	_, err = deliveries.Redrive(ctx, pool, id, order)
	fmt.Println(errors.Is(err, deliveries.ErrNotFound))
	stats, err := deliveries.Stats(ctx, pool, deliveries.Filter{})
	for _, stat := range stats {
		fmt.Println(stat.Deliveries, stat.State, stat.Standing, stat.Reason, err)
	}
	purged, err := deliveries.Purge(ctx, pool, deliveries.Retention{})
	fmt.Println(purged.Deliveries, err)
	// Output:
	// it is cancelled <nil>
	// true cancelled true <nil>
	// true
	// 1 cancelled ended by_person <nil>
	// 1 pending due  <nil>
	// 0 <nil>
}

// exampleHeld is a database with a delivery whose process died in the call. It starts a server: an example has no testing.TB.
func exampleHeld(ctx context.Context) (*pgxpool.Pool, uuid.UUID, func()) {
	fatal := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	server, err := localstack.StartPostgres(ctx, localstack.PostgresConfig{})
	fatal(err)
	pool, err := pgxpool.New(ctx, server.URL())
	fatal(err)
	_, err = eventstore.Migrate(ctx, pool)
	fatal(err)
	id := uuid.Must(uuid.NewV7())
	for _, statement := range []string{
		`SELECT contrail.delivery_plan(ROW('invoice-mail', gen_random_uuid(), 17, 18, 'invoice-42', 'InvoiceIssued', '', '{}')::contrail.delivery_events,
			ARRAY[$1::uuid], '{mail}', '{contact-42}', '{""}', '{pending}', '{""}', '{NULL}', 'host-1/4711')`,
		`SELECT contrail.delivery_begin($1, 'host-1/4711', '-1 minute', 5, 'hold', '1 minute')`,
		`SELECT contrail.delivery_recover(NULL, NULL, $1, 'host-1/4712', 'its lease is over', NULL, 1)`,
	} {
		_, err := pool.Exec(ctx, statement, id)
		fatal(err)
	}
	return pool, id, func() {
		pool.Close()
		fatal(server.Close())
	}
}
