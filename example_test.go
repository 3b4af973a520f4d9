package contrail_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/contrail-events/contrail"
)

// InvoiceIssued is an event's body that knows its own type.
type InvoiceIssued struct {
	ID string `json:"id"`
}

func (InvoiceIssued) EventType() string { return "InvoiceIssued" }

func ExampleNewEvent() {
	event := contrail.NewEvent(InvoiceIssued{ID: "42"})
	event.Metadata = contrail.Metadata{contrail.KeyTenantID: "acme"}
	fmt.Println(event.Type, event.Validate())
	// Output: InvoiceIssued <nil>
}

func ExampleParseStreamID() {
	stream, err := contrail.ParseStreamID("invoice-42")
	fmt.Println(stream.Category(), stream.ID(), err)
	_, err = contrail.ParseStreamID("invoice 42")
	fmt.Println(err)
	// Output:
	// invoice 42 <nil>
	// stream "invoice 42" has no '-' between category and id, as in invoice-42
}

func ExampleRetryAfter() {
	err := contrail.RetryAfter(time.Minute, errors.New("the bank is closed"))
	delay, _ := contrail.RetryDelay(err)
	fmt.Println(delay, err)
	// Output: 1m0s the bank is closed
}
