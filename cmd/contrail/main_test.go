package main

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/contrail-events/contrail/internal/pgtest"
)

// The scripts call this very program: as "contrail", the test binary is the command.
func TestMain(m *testing.M) {
	testscript.Main(pgtest.M{M: m}, map[string]func(){"contrail": main, "stubborn": stubborn})
}

// stubborn is a verb that never gets done with what it has begun.
func stubborn() {
	ctx, stop := signalContext(os.Stderr)
	defer stop()
	_, _ = fmt.Fprintln(os.Stdout, "begun")
	<-ctx.Done()
	_, _ = fmt.Fprintln(os.Stdout, "draining")
	time.Sleep(time.Minute) //nolint:forbidigo // it is stubborn
}
