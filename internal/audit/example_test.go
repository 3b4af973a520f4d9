package audit_test

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/audit"
	"github.com/contrail-events/contrail/internal/localstack"
)

func Example() {
	ctx := context.Background()
	server := must(localstack.StartPostgres(ctx, localstack.PostgresConfig{}))
	defer func() { _ = server.Close() }()
	pool := must(pgxpool.New(ctx, server.URL()))
	defer pool.Close()
	must(eventstore.Migrate(ctx, pool))

	log := audit.New(pool)
	id := must(log.Begin(ctx, audit.Action{Who: "ada", Role: "operator", Action: "relay.pause", Target: "relay host:123", Reason: "upgrade"}))
	// Now it is done.
	must(log.End(ctx, id, []audit.Result{{What: "relay host:123", Outcome: audit.Pending, Detail: "it obeys within a second"}}, nil))

	for _, entry := range must(log.List(ctx, audit.Filter{Who: "ada"})) {
		fmt.Println(entry.ID, entry.Action, entry.Target, entry.Outcome)
	}
	// Output: 1 relay.pause relay host:123 done
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
