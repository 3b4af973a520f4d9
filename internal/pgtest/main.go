package pgtest

import (
	"fmt"
	"os"
	"testing"
)

// Main runs the tests, stops the cluster if one was started, and exits.
func Main(m *testing.M) { os.Exit(M{m}.Run()) }

// M stops the cluster when the tests have run, but does not exit. It is for a TestMain that has something else to do at the end:
//
//	func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.M{M: m}) }
type M struct{ *testing.M }

// Run runs the tests and returns the code to exit with, which is not zero either when the cluster can't be stopped.
func (m M) Run() int {
	code := m.M.Run()
	if err := binary.close(); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		code = max(code, 1)
	}
	return code
}
