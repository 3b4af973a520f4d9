package deliveries_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/contrail-events/contrail/internal/pgtest"
)

// TestMain also plays the process that is killed: see kill_test.go.
func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		runChild(role)
	}
	const server = "github.com/nats-io/nats-server/v2/server"
	goleak.VerifyTestMain(pgtest.M{M: m},
		// nats-server itself leaves these behind when a stream is deleted while the server stops.
		goleak.IgnoreAnyFunction(server+".(*fileStore).flushStreamStateLoop"), goleak.IgnoreAnyFunction(server+"/ats.Register.func1"))
}
