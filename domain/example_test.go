package domain_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/money"
)

func ExampleInvoiceService() {
	store := newMemory() // stands for a Transactor over the event store
	clock := func() time.Time { return time.Date(2021, 1, 1, 12, 0, 0, 0, time.UTC) }
	organisations, _ := domain.NewOrganisationService(store, clock, domain.Config{})
	contacts, _ := domain.NewContactService(store, clock, domain.Config{})
	invoices, _ := domain.NewInvoiceService(store, clock, domain.Config{})

	ctx, actor := context.Background(), domain.Actor{TenantID: "1", UserID: "1"}
	acme, _ := organisations.Create(ctx, actor, "Acme")
	leonie, _ := contacts.Create(ctx, actor, acme.ID, contact.Details{FirstName: "Leonie", LastName: "Köhler", Email: "leonie@example.com"})

	price, _ := money.Parse("0.99", "USD")
	due, _ := invoice.ParseDate("2021-01-31")
	drafted, _ := invoices.Draft(ctx, actor, domain.DraftInvoice{
		OrganisationID: acme.ID, ContactID: leonie.ID, CurrencyCode: "USD", DueDate: due,
		LineItems: []invoice.LineItem{{Description: "Balls to the Wall", UnitAmount: price, Quantity: 2}},
	})
	issued, _ := invoices.Issue(ctx, actor, drafted.ID)
	found, _ := invoices.Find(ctx, actor, drafted.ID)
	fmt.Println(issued.Events[0].Type, found.Version, found.State.SubTotal)

	_, err := invoices.Find(ctx, domain.Actor{TenantID: "2", UserID: "1"}, drafted.ID)
	fmt.Println(errors.Is(err, domain.ErrNotFound))
	// Output:
	// InvoiceIssued 2 USD 1.98
	// true
}
