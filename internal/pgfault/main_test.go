package pgfault_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/contrail-events/contrail/internal/pgfault"
	"github.com/contrail-events/contrail/internal/pgtest"
)

const (
	databaseVariable = "PGFAULT_TEST_DATABASE"
	exitKilled       = 7
)

// TestMain also plays the process that ends itself at a round trip.
func TestMain(m *testing.M) {
	if url := os.Getenv(databaseVariable); url != "" {
		runChild(context.Background(), url)
	}
	pgtest.Main(m)
}

func runChild(ctx context.Context, url string) {
	pool, _, err := pgfault.Open(ctx, url, pgfault.Fault{Trip: 1, Mode: pgfault.After, Kill: func() { os.Exit(exitKilled) }})
	if err == nil {
		_, err = pool.Exec(ctx, insertSQL)
	}
	fmt.Fprintln(os.Stderr, "still there:", err)
	os.Exit(1)
}
