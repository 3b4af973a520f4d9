package pgtest_test

import (
	"testing"

	"github.com/contrail-events/contrail/internal/pgtest"
)

// A database copied from the template: what each test waits for.
func BenchmarkNew(b *testing.B) {
	pgtest.New(b) // the first one starts the cluster
	for b.Loop() {
		pgtest.NewURL(b)
	}
}
