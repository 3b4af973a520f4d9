package eventstore_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/contrail-events/contrail/eventstore"
)

// Somebody has disabled a trigger, and added an index.
func ExampleValidate() {
	ctx := context.Background()
	pool, closeAll := exampleStore(ctx)
	defer closeAll()
	for _, statement := range []string{
		`ALTER TABLE contrail.events DISABLE TRIGGER events_append_only`,
		`CREATE INDEX events_customer_idx ON contrail.events ((data->>'customer'))`,
	} {
		if _, err := pool.Exec(ctx, statement); err != nil {
			panic(err)
		}
	}

	differences, err := eventstore.Validate(ctx, pool)
	fmt.Println("drift:", errors.Is(err, eventstore.ErrDrift))
	for _, difference := range differences {
		fmt.Println(difference.Object, difference.Harmless)
	}
	// Output:
	// drift: true
	// index events.events_customer_idx true
	// trigger events.events_append_only false
}

// The way back to an earlier release destroys nothing.
func ExampleMigrateDown() {
	ctx := context.Background()
	pool, closeAll := exampleStore(ctx)
	defer closeAll()
	_, err := pool.Exec(ctx, `INSERT INTO contrail.inbox (consumer, position) VALUES ('summary', 1)`)
	if err != nil {
		panic(err)
	}

	_, err = eventstore.MigrateDown(ctx, pool, 2)
	fmt.Println(errors.Is(err, eventstore.ErrNotEmpty))
	_, err = eventstore.MigrateDown(ctx, pool, 3)
	fmt.Println(err)
	migrations, err := eventstore.Migrations(ctx, pool)
	for _, migration := range migrations[:4] {
		fmt.Println(migration.Version, migration.Name, migration.AppliedAt != nil)
	}
	fmt.Println(err)
	_, err = eventstore.MigrateTo(ctx, pool, 4) // and up again
	fmt.Println(err)
	// Output:
	// true
	// <nil>
	// 1 00001_events.sql true
	// 2 00002_relays.sql true
	// 3 00003_consumers.sql true
	// 4 00004_reading.sql false
	// <nil>
	// <nil>
}

// A service that only appends gets a user of its own.
func ExampleGrantRoles() {
	ctx := context.Background()
	pool, closeAll := exampleStore(ctx)
	defer closeAll()
	if err := eventstore.GrantRoles(ctx, pool); err != nil {
		panic(err)
	}
	fmt.Println(eventstore.Roles())
	_, err := pool.Exec(ctx, `CREATE ROLE billing LOGIN PASSWORD 'secret'; GRANT contrail_append TO billing`)
	fmt.Println(err)
	// Output:
	// [contrail_append contrail_consume contrail_operate contrail_read contrail_relay]
	// <nil>
}
