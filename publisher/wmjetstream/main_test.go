package wmjetstream_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	const (
		server     = "github.com/nats-io/nats-server/v2/server"
		multiplier = "github.com/ThreeDotsLabs/watermill/internal/subscriber.(*multiplier).Subscribe"
	)
	goleak.VerifyTestMain(m,
		// Watermill's suite leaves these behind: several subscribers made one, of which it reads only as much as it needs.
		goleak.IgnoreAnyFunction(multiplier+".func2"), goleak.IgnoreAnyFunction(multiplier+".func3"),
		// nats-server itself leaves these behind when a stream is deleted while the server stops.
		goleak.IgnoreAnyFunction(server+".(*fileStore).flushStreamStateLoop"), goleak.IgnoreAnyFunction(server+"/ats.Register.func1"))
}
