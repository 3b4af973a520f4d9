package wmjetstream_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/contrail-events/contrail/internal/natstest"
)

func TestMain(m *testing.M) {
	const multiplier = "github.com/ThreeDotsLabs/watermill/internal/subscriber.(*multiplier).Subscribe"
	// Watermill's suite leaves these behind: several subscribers made one, of which it reads only as much as it needs.
	goleak.VerifyTestMain(m, append(natstest.LeftBehind(),
		goleak.IgnoreAnyFunction(multiplier+".func2"), goleak.IgnoreAnyFunction(multiplier+".func3"))...)
}
