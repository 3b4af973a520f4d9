package webhook_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/contrail-events/contrail/internal/pgtest"
)

// TestMain also plays the process that is killed, or frozen: see child_test.go.
func TestMain(m *testing.M) {
	if os.Getenv(databaseVariable) != "" {
		runChild()
	}
	const server = "github.com/nats-io/nats-server/v2/server"
	goleak.VerifyTestMain(pgtest.M{M: m},
		// nats-server itself leaves these behind when a stream is deleted while the server stops.
		goleak.IgnoreAnyFunction(server+".(*fileStore).flushStreamStateLoop"), goleak.IgnoreAnyFunction(server+"/ats.Register.func1"))
}
