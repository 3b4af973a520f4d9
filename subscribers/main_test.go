package subscribers_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// TestMain also plays the process that is killed: see child_test.go.
func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		runWiredChild(role)
		runAdvisoryChild(role)
		runChild(role)
	}
	pgtest.WaitTogether()
	goleak.VerifyTestMain(pgtest.M{M: m}, natstest.LeftBehind()...)
}
