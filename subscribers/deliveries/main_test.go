package deliveries_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// TestMain also plays the process that is killed: see kill_test.go.
func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		runChild(role)
	}
	goleak.VerifyTestMain(pgtest.M{M: m}, natstest.LeftBehind()...)
}
