package webhook_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// TestMain also plays the process that is killed, or frozen: see child_test.go.
func TestMain(m *testing.M) {
	if os.Getenv(databaseVariable) != "" {
		runChild()
	}
	goleak.VerifyTestMain(pgtest.M{M: m}, natstest.LeftBehind()...)
}
