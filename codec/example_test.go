package codec_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
)

// OrderPlaced is written as schema 2 today. Schema 1 had no currency.
type OrderPlaced struct {
	ID       string `json:"id"`
	Cents    int    `json:"cents"`
	Currency string `json:"currency"`
}

func (OrderPlaced) EventType() string { return "OrderPlaced" }

// OrderPaid has had one schema only.
type OrderPaid struct {
	ID string `json:"id"`
}

func (OrderPaid) EventType() string { return "OrderPaid" }

// inStore is an event as a store yields it. Without a schema version in its metadata it has schema 1.
func inStore(eventType, data string) contrail.Recorded {
	return contrail.Recorded{
		Stream: contrail.NewStreamID("order", "7"), Version: 1, Type: eventType, Data: json.RawMessage(data), Metadata: contrail.Metadata{},
	}
}

func Example() {
	events, err := codec.New(
		codec.Type[OrderPlaced](codec.Schema(2)),
		codec.Type[OrderPaid](),
		codec.Upcast("OrderPlaced", 1, codec.Fill("currency", "EUR")),
	)
	if err != nil {
		panic(err)
	}
	event, err := events.Encode(OrderPlaced{ID: "7", Cents: 500, Currency: "USD"}) // to be appended
	fmt.Println(event.Type, event.Metadata, err)

	values, err := events.Decode(inStore("OrderPlaced", `{"id":"7","cents":500}`)) // from years ago
	fmt.Printf("%+v %v\n", values, err)
	// Output:
	// OrderPlaced map[schema_version:2] <nil>
	// [{ID:7 Cents:500 Currency:EUR}] <nil>
}

func ExampleFill() {
	events := codec.MustNew(
		codec.Type[OrderPlaced](codec.Schema(2)),
		codec.Upcast("OrderPlaced", 1, codec.Fill("currency", "EUR")),
	)
	upcast, err := events.Upcast(inStore("OrderPlaced", `{"id":"7","cents":500}`))
	fmt.Println(string(upcast[0].Data), upcast[0].Metadata, err)
	// Output: {"cents":500,"currency":"EUR","id":"7"} map[schema_version:2] <nil>
}

func ExampleFillFrom() {
	events := codec.MustNew(
		codec.Type[OrderPlaced](codec.Schema(2)),
		codec.Upcast("OrderPlaced", 1, codec.FillFrom("currency", func(e contrail.Recorded) (any, error) {
			return map[string]string{"us": "USD"}[e.Metadata[contrail.KeyTenantID]], nil
		})),
	)
	recorded := inStore("OrderPlaced", `{"id":"7"}`)
	recorded.Metadata[contrail.KeyTenantID] = "us"
	values, err := events.Decode(recorded)
	fmt.Printf("%+v %v\n", values, err)
	// Output: [{ID:7 Cents:0 Currency:USD}] <nil>
}

func ExampleRename() {
	events := codec.MustNew(
		codec.Type[OrderPaid](),
		codec.Upcast("OrderSettled", 1, codec.RenameField("order.number", "id"), codec.Rename("OrderPaid", 1)),
	)
	values, err := events.Decode(inStore("OrderSettled", `{"order":{"number":"7"}}`))
	fmt.Printf("%T %+v %v\n", values[0], values[0], err)
	// Output: codec_test.OrderPaid {ID:7} <nil>
}

func ExampleSplit() {
	type orderBought struct { // one event, until it turned out that people pay later
		ID    string `json:"id"`
		Cents int    `json:"cents"`
		Paid  bool   `json:"paid"`
	}
	events := codec.MustNew(
		codec.Type[OrderPlaced](),
		codec.Type[OrderPaid](),
		codec.Upcast("OrderBought", 1, codec.Split(
			codec.Into("OrderPlaced", 1, func(old orderBought) (OrderPlaced, error) {
				return OrderPlaced{ID: old.ID, Cents: old.Cents, Currency: "EUR"}, nil
			}),
			codec.Into("OrderPaid", 1, func(old orderBought) (OrderPaid, error) {
				if !old.Paid {
					return OrderPaid{}, codec.ErrOmit
				}
				return OrderPaid{ID: old.ID}, nil
			}),
		)),
	)
	for _, data := range []string{`{"id":"7","cents":500,"paid":true}`, `{"id":"8","cents":1}`} {
		values, err := events.Decode(inStore("OrderBought", data))
		fmt.Printf("%+v %v\n", values, err)
	}
	// Output:
	// [{ID:7 Cents:500 Currency:EUR} {ID:7}] <nil>
	// [{ID:8 Cents:1 Currency:EUR}] <nil>
}

func ExampleConvert() {
	type orderPlacedV1 struct { // a frozen copy of what the type was
		ID    string  `json:"id"`
		Euros float64 `json:"euros"`
	}
	events := codec.MustNew(
		codec.Type[OrderPlaced](codec.Schema(2)),
		codec.Upcast("OrderPlaced", 1, codec.Convert(func(old orderPlacedV1) (OrderPlaced, error) {
			return OrderPlaced{ID: old.ID, Cents: int(math.Round(old.Euros * 100)), Currency: "EUR"}, nil
		})),
	)
	values, err := codec.DecodeAs[OrderPlaced](events, inStore("OrderPlaced", `{"id":"7","euros":5}`))
	fmt.Printf("%+v %v\n", values, err)
	// Output: [{ID:7 Cents:500 Currency:EUR}] <nil>
}

func ExampleDrop() {
	events := codec.MustNew(codec.Type[OrderPaid](), codec.Upcast("OrderViewed", 1, codec.Drop()))
	values, err := events.Decode(inStore("OrderViewed", `{}`))
	fmt.Println(len(values), err)
	// Output: 0 <nil>
}

// Events of types that are unknown here are errors to those who must not miss one, and raw to those who read everything.
func ExampleCodec_DecodeOrRaw() {
	events := codec.MustNew(codec.Type[OrderPaid]())
	recorded := inStore("OrderShipped", `{"by":"sea"}`)

	_, err := events.Decode(recorded)
	var unknown *codec.UnknownTypeError
	fmt.Println(errors.As(err, &unknown), err)

	values, err := events.DecodeOrRaw(recorded)
	if raw, ok := values[0].(codec.Raw); ok {
		fmt.Println(raw.Type, string(raw.Data), err)
	}
	// Output:
	// true decode order-7 version 1: event type "OrderShipped" is unknown here: upgrade this program, or upcast the event
	// OrderShipped {"by":"sea"} <nil>
}

func ExampleNew_faults() {
	_, err := codec.New(
		codec.Type[OrderPlaced](codec.Schema(3)),
		codec.Upcast("OrderPlaced", 1, codec.Fill("currency", "EUR")),
		codec.Upcast("OrderSettled", 1, codec.Rename("OrderPaid", 1)),
	)
	fmt.Println(err)
	// Output:
	// new codec: OrderPlaced schema 2: nothing reads it, but schema 3 is known: add codec.Upcast("OrderPlaced", 2)
	// codec.Upcast("OrderSettled", 1): leads to OrderPaid schema 1, which nothing reads: register its type, or an upcaster
}
