package dashboard_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// TestMain ends the one browser of the binary behind all tests, and then looks for what they have left behind.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(browsed{pgtest.M{M: m}}, natstest.LeftBehind()...)
}

// browsed is a run of tests, behind which the browser is closed.
type browsed struct{ tests goleak.TestingM }

func (b browsed) Run() int {
	defer closeBrowser()
	return b.tests.Run()
}
