package invoicing_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/money"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/subscribers"
)

// Who has just issued an invoice, and asks for the position of what he did, finds it in every read model.
func ExampleReader() {
	ctx := context.Background()
	pool, stop := exampleService(ctx)
	defer stop()
	organisationID, issued := issueOne(ctx, pool)

	reader := invoicing.NewReader(pool, invoicing.ReaderConfig{Wait: time.Minute})
	summary, err := reader.Summary(ctx, "t1", organisationID, issued.Position)
	must(err)
	for _, line := range summary.Value.Lines {
		fmt.Printf("%s: %d %s, %s\n", summary.Value.Organisation, line.Invoices, line.Status, line.SubTotal)
	}
	day, err := invoice.ParseDate("2021-02-10")
	must(err)
	overdue, err := reader.Overdue(ctx, "t1", invoicing.OverdueFilter{Day: day}, issued.Position)
	must(err)
	for _, late := range overdue.Value.Invoices {
		fmt.Printf("due on %s, %d days ago\n", late.DueDate, late.DaysOverdue)
	}
	statement, err := reader.Statement(ctx, "t1", organisationID, invoicing.StatementPage{}, issued.Position)
	must(err)
	for _, line := range statement.Value.Lines {
		fmt.Printf("%s: %s, is owed %s\n", line.Movement, line.Amount, line.Balance)
	}
	_, err = reader.Summary(ctx, "t1", organisationID, issued.Position+1000)
	fmt.Println(errors.Is(err, invoicing.ErrNoSuchPosition))
	comparison, err := invoicing.Compare(ctx, pool, "t1")
	must(err)
	fmt.Println("as the aggregates say:", comparison.OK)
	// Output:
	// Acme: 1 issued, AUD 1000.00
	// due on 2021-01-31, 10 days ago
	// issued: AUD 1000.00, is owed AUD 1000.00
	// true
	// as the aggregates say: true
}

// issueOne drafts an invoice of a new organisation and issues it, in January 2021.
func issueOne(ctx context.Context, pool *pgxpool.Pool) (organisationID string, issued contrail.Recorded) {
	transactor, err := invoicing.NewTransactor(pool, invoicing.TransactorConfig{})
	must(err)
	clock := func() time.Time { return time.Date(2021, 1, 1, 12, 0, 0, 0, time.UTC) }
	services, err := invoicing.NewServices(transactor, clock, domain.Config{})
	must(err)
	as := domain.Actor{TenantID: "t1", UserID: "1"}
	acme, err := services.Organisations.Create(ctx, as, "Acme")
	must(err)
	ada, err := services.Contacts.Create(ctx, as, acme.ID, contact.Details{FirstName: "Ada", LastName: "Byron", Email: "ada@example.org"})
	must(err)
	price, err := money.Parse("250", "AUD")
	must(err)
	due, err := invoice.ParseDate("2021-01-31")
	must(err)
	drafted, err := services.Invoices.Draft(ctx, as, domain.DraftInvoice{
		OrganisationID: acme.ID, ContactID: ada.ID, CurrencyCode: "AUD", DueDate: due,
		LineItems: []invoice.LineItem{{Description: "Red Widget", UnitAmount: price, Quantity: 4}},
	})
	must(err)
	result, err := services.Invoices.Issue(ctx, as, drafted.ID)
	must(err)
	return acme.ID, result.Events[0]
}

// exampleService runs a relay and the read models.
func exampleService(ctx context.Context) (pool *pgxpool.Pool, stop func()) {
	stack, err := localstack.Start(ctx, localstack.Config{})
	must(err)
	pool, err = pgxpool.New(ctx, stack.DatabaseURL())
	must(err)
	_, err = eventstore.Migrate(ctx, pool)
	must(err)
	_, err = invoicing.Migrate(ctx, pool)
	must(err)
	conn, err := nats.Connect(stack.NATSURL())
	must(err)
	js, err := jetstream.New(conn)
	must(err)
	relay, err := publisher.NewRelay(pool, js, publisher.Config{})
	must(err)
	summary, err := invoicing.NewSummaryProjection(js, pool, subscribers.ProjectionConfig{})
	must(err)
	overdue, err := invoicing.NewOverdueProjection(js, pool, subscribers.ProjectionConfig{})
	must(err)
	statement, err := invoicing.NewStatementProjection(js, pool, subscribers.ProjectionConfig{})
	must(err)
	parts := []func(context.Context) error{relay.Run, summary.Run, overdue.Run, statement.Run}
	running, cancel := context.WithCancel(ctx)
	ended := make(chan error, len(parts))
	for _, part := range parts {
		go func() { ended <- part(running) }()
	}
	return pool, func() {
		cancel()
		for range parts {
			must(<-ended)
		}
		conn.Close()
		pool.Close()
		must(stack.Close())
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
