package invoice_test

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/money"
)

func ExampleDecide() {
	price, _ := money.Parse("0.99", "USD")
	due, _ := invoice.ParseDate("2021-01-31")
	events, _ := invoice.Decide(invoice.State{}, invoice.Draft{
		ID: "42", OrganisationID: "7", ContactID: "9", CurrencyCode: "USD", DueDate: due,
		LineItems: []invoice.LineItem{{Description: "Balls to the Wall", UnitAmount: price, Quantity: 2}},
		At:        time.Date(2021, 1, 1, 12, 0, 0, 0, time.UTC),
	})
	text, err := json.MarshalIndent(events[0], "", "  ")
	fmt.Println(events[0].EventType(), string(text), err)

	state := invoice.Evolve(invoice.State{}, events[0])
	_, err = invoice.Decide(state, invoice.Pay{At: time.Date(2021, 1, 2, 12, 0, 0, 0, time.UTC)})
	fmt.Println(err)
	// Output:
	// InvoiceDrafted {
	//   "invoice": {
	//     "id": "42",
	//     "organisation_id": "7",
	//     "contact_id": "9",
	//     "status": "drafted",
	//     "currency_code": "USD",
	//     "due_date": "2021-01-31",
	//     "line_items": [
	//       {
	//         "description": "Balls to the Wall",
	//         "unit_amount_amount": "0.99",
	//         "unit_amount_currency_code": "USD",
	//         "quantity": 2
	//       }
	//     ],
	//     "sub_total": {
	//       "amount": "1.98",
	//       "currency_code": "USD"
	//     }
	//   }
	// } <nil>
	// can't pay an invoice that is drafted: it must be issued; a draft can be issued first
}
