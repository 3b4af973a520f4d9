package invoicing_test

import (
	"context"
	"fmt"
	netmail "net/mail"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/money"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/internal/invoicing/mail"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// printer shows mails, and tells when it has shown all.
type printer struct {
	left atomic.Int32
	done func()
}

func (p *printer) Send(_ context.Context, message mail.Message) (deliveries.Receipt, error) {
	fmt.Println(message.To.Address+":", message.Subject)
	if p.left.Add(-1) == 0 {
		p.done()
	}
	return deliveries.Receipt{ID: message.ID()}, nil
}

// An invoice that nobody pays: its contact gets it, and is reminded of it twice.
func ExampleNewNotifications() {
	ctx, stop := context.WithCancel(context.Background())
	stack := got(localstack.Start(ctx, localstack.Config{}))
	pool, conn := got(pgxpool.New(ctx, stack.DatabaseURL())), got(nats.Connect(stack.NATSURL()))
	js := got(jetstream.New(conn))
	got(eventstore.Migrate(ctx, pool))
	got(invoicing.Migrate(ctx, pool))

	mails := &printer{done: stop}
	mails.left.Store(3)
	told := got(invoicing.NewNotifications(js, pool, invoicing.NotificationsConfig{
		Mailer:    mails,
		From:      netmail.Address{Address: "billing@example.org"},
		Reminders: invoicing.RemindersConfig{First: time.Second, Second: time.Second},
	}))
	relay := got(publisher.NewRelay(pool, js, publisher.Config{}))
	var running errgroup.Group
	for _, run := range []func(context.Context) error{relay.Run, told.Run, told.RunReminders} {
		running.Go(func() error { return run(ctx) })
	}
	issueLongAgo(ctx, pool)
	fmt.Println(running.Wait())
	pool.Close()
	conn.Close()
	fmt.Println(stack.Close())
	// Unordered output:
	// ada@example.com: Invoice a-1 from Apex
	// ada@example.com: Reminder: invoice a-1 from Apex was due on 2021-02-14
	// ada@example.com: Second reminder: invoice a-1 from Apex was due on 2021-02-14
	// <nil>
	// <nil>
}

// issueLongAgo issues an invoice.
func issueLongAgo(ctx context.Context, pool *pgxpool.Pool) {
	clock := func() time.Time { return time.Date(2021, 1, 31, 9, 0, 0, 0, time.UTC) }
	services := got(invoicing.NewServices(got(invoicing.NewTransactor(pool, invoicing.TransactorConfig{})), clock, domain.Config{NewID: uuid.NewString}))
	apex := got(services.Organisations.Create(ctx, actor, "Apex"))
	ada := got(services.Contacts.Create(ctx, actor, apex.ID, contact.Details{FirstName: "Ada", LastName: "Byron", Email: "ada@example.com"}))
	drafted := got(services.Invoices.Draft(ctx, actor, domain.DraftInvoice{
		OrganisationID: apex.ID, ContactID: ada.ID, CurrencyCode: "EUR", DueDate: got(invoice.ParseDate("2021-02-14")),
		LineItems: []invoice.LineItem{{Description: "Tea", UnitAmount: got(money.Parse("2.50", "EUR")), Quantity: 12}},
	}, domain.WithReference("a-1")))
	got(services.Invoices.Issue(ctx, actor, drafted.ID))
}

func got[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
