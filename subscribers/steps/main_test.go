package steps_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// TestMain also plays the process that is killed: see child_test.go.
func TestMain(m *testing.M) {
	if point := os.Getenv(pointVariable); point != "" {
		runChild(point)
		return
	}
	pgtest.WaitTogether()
	goleak.VerifyTestMain(pgtest.M{M: m}, natstest.LeftBehind()...)
}
