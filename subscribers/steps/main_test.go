package steps_test

import (
	"flag"
	"os"
	"runtime"
	"strconv"
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
	waitTogether()
	goleak.VerifyTestMain(pgtest.M{M: m}, natstest.LeftBehind()...)
}

// waitTogether lets more tests run side by side than there are processors, unless somebody has said how many: most of their time they wait for servers.
func waitTogether() {
	flag.Parse()
	if given := flag.Lookup("test.parallel"); given.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		_ = given.Value.Set("6")
	}
}
