package codectest_test

import (
	"fmt"
	"testing"

	"github.com/contrail-events/contrail/codec"
	"github.com/contrail-events/contrail/codec/codectest"
)

// console stands for the *testing.T that a test has.
type console struct{ testing.TB }

func (console) Helper()                           {}
func (console) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// The second codec has forgotten that shipped orders were once called sent.
func ExampleGolden() {
	codectest.Golden(console{}, orders(), "testdata/orders")

	forgetful := codec.MustNew(
		codec.Type[placed](codec.Schema(2)), codec.Upcast("OrderPlaced", 1, codec.Fill("cents", 5)),
		codec.Type[shipped](),
	)
	codectest.Golden(console{}, forgetful, "testdata/orders")
	// Output:
	// golden files in testdata/orders: OrderSent.v1.json belongs to no form that is read: what was shipped once must stay readable, so register its type or its upcaster; remove the file only if no store holds such an event
	// golden files in testdata/orders: OrderSent.v1.upcast.json belongs to no form that is read: what was shipped once must stay readable, so register its type or its upcaster; remove the file only if no store holds such an event
}
