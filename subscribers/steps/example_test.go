package steps_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/subscribers/steps"
)

// exampleDatabase is migrated, on a server of its own, with a table for the examples.
func exampleDatabase(ctx context.Context) (pool *pgxpool.Pool, closeAll func()) {
	server := must(localstack.StartPostgres(ctx, localstack.PostgresConfig{}))
	pool = must(pgxpool.New(ctx, server.URL()))
	must(eventstore.Migrate(ctx, pool))
	must(pool.Exec(ctx, `CREATE TABLE reservations (item text PRIMARY KEY)`))
	return pool, func() { pool.Close(); _ = server.Close() }
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func reserve(ctx context.Context, tx pgx.Tx, run *steps.State) error {
	item, err := steps.Args[string](run)
	if err == nil {
		_, err = tx.Exec(ctx, `INSERT INTO reservations VALUES ($1)`, item)
	}
	return err
}

// charge stands for a payment provider, which does a thing once for each key.
func charge(_ string) (string, error) { return "charge-7", nil }

// An order in three steps. The process dies, or its database is out of reach, behind the call to the payment provider: whoever performs the run again
// goes on there.
func Example() {
	ctx := context.Background()
	pool, closeAll := exampleDatabase(ctx)
	defer closeAll()

	attempts := 0
	run := func() (string, error) {
		return steps.Result[string](steps.Run(ctx, pool, "orders/42", "lamp",
			steps.Tx("reserve", func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
				fmt.Println("reserving")
				return reserve(ctx, tx, run)
			}),
			steps.Call("charge", func(_ context.Context, run *steps.State) (string, error) {
				attempts++
				fmt.Println("charging, retrying:", run.Retrying())
				return charge(run.Key()) // the same key each time
			}, func(_ context.Context, _ pgx.Tx, run *steps.State, id string) error {
				if attempts == 1 {
					return errors.New("the lights went out")
				}
				return run.Set("charge", id)
			}),
			steps.Tx("confirm", func(_ context.Context, _ pgx.Tx, run *steps.State) error {
				id, _, err := steps.Get[string](run, "charge")
				if err != nil {
					return err
				}
				return run.Return("paid by " + id)
			}),
		))
	}
	for range 3 {
		result, err := run()
		fmt.Printf("%q %v\n", result, err)
	}
	// Output:
	// reserving
	// charging, retrying: false
	// "" run orders/42: step "charge" has failed, for the first time: the lights went out
	// charging, retrying: true
	// "paid by charge-7" <nil>
	// "paid by charge-7" <nil>
}

// A step that fails for good has what was done before undone.
func ExampleStep_Undo() {
	ctx := context.Background()
	pool, closeAll := exampleDatabase(ctx)
	defer closeAll()

	_, err := steps.Run(ctx, pool, "orders/42", "lamp",
		steps.Tx("reserve", reserve).Undo(func(ctx context.Context, tx pgx.Tx, _ *steps.State) error {
			fmt.Println("the reservation is taken back")
			_, err := tx.Exec(ctx, `DELETE FROM reservations`)
			return err
		}),
		steps.Call("charge", func(_ context.Context, run *steps.State) (string, error) { return charge(run.Key()) }, nil).
			UndoCall(func(context.Context, *steps.State) error {
				fmt.Println("the charge is refunded")
				return nil
			}),
		steps.Tx("ship", func(context.Context, pgx.Tx, *steps.State) error {
			return contrail.Permanent(errors.New("no carrier goes there"))
		}),
	)
	fmt.Println(err)
	fmt.Println(errors.Is(err, steps.ErrFailed), contrail.IsPermanent(err))
	// Output:
	// the charge is refunded
	// the reservation is taken back
	// run orders/42: the run has failed: step "ship": no carrier goes there
	// true true
}

// A list is gone through one element a transaction.
func ExampleForEach() {
	ctx := context.Background()
	pool, closeAll := exampleDatabase(ctx)
	defer closeAll()

	broken := true
	run := func() error {
		_, err := steps.Run(ctx, pool, "baskets/7", []string{"lamp", "desk", "chair"},
			steps.ForEach("items", func(_ context.Context, _ pgx.Tx, run *steps.State) ([]string, error) {
				return steps.Args[[]string](run)
			}, func(ctx context.Context, tx pgx.Tx, run *steps.State, item string) error {
				fmt.Println(run.Round(), item)
				if item == "desk" && broken {
					broken = false
					return errors.New("out of stock")
				}
				_, err := tx.Exec(ctx, `INSERT INTO reservations VALUES ($1)`, item)
				return err
			}))
		return err
	}
	fmt.Println(run())
	fmt.Println(run())
	// Output:
	// 0 lamp
	// 1 desk
	// run baskets/7: step "items" has failed, for the first time: out of stock
	// 1 desk
	// 2 chair
	// <nil>
}

// A timer is in the database, and asks a subscription for another delivery when it is due.
func ExampleSleep() {
	ctx := context.Background()
	pool, closeAll := exampleDatabase(ctx)
	defer closeAll()

	_, err := steps.Run(ctx, pool, "reminders/42", nil,
		steps.Sleep("two weeks", 14*24*time.Hour),
		steps.Tx("remind", func(context.Context, pgx.Tx, *steps.State) error { return nil }),
	)
	delay, _ := contrail.RetryDelay(err)
	fmt.Println(errors.Is(err, steps.ErrWaiting), delay)
	// Output: true 336h0m0s
}

// A run waits for others.
func ExampleAwait() {
	ctx := context.Background()
	pool, closeAll := exampleDatabase(ctx)
	defer closeAll()

	done := func(_ context.Context, _ pgx.Tx, run *steps.State) error {
		return run.Return(run.RunKey() + " is done")
	}
	parent := func() (string, error) {
		return steps.Result[string](steps.Run(ctx, pool, "order", nil,
			steps.Await("parts", func(context.Context, pgx.Tx, *steps.State) ([]string, error) {
				return []string{"part/1", "part/2"}, nil
			}),
			steps.Tx("finish", done)))
	}
	_, err := parent()
	fmt.Println(err)
	for _, part := range []string{"part/1", "part/2"} {
		fmt.Println(steps.Result[string](steps.Run(ctx, pool, part, nil, steps.Tx("make", done))))
	}
	fmt.Println(parent())
	// Output:
	// run order: the run is waiting in step "parts" for the runs part/1, part/2
	// part/1 is done <nil>
	// part/2 is done <nil>
	// order is done <nil>
}

// A step may look again and again, until something has happened.
func ExampleWait() {
	ctx := context.Background()
	pool, closeAll := exampleDatabase(ctx)
	defer closeAll()

	_, err := steps.Run(ctx, pool, "deliveries/42", nil, steps.Tx("arrived", func(ctx context.Context, tx pgx.Tx, _ *steps.State) error {
		arrived := false
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM reservations WHERE item = 'lamp')`).Scan(&arrived); err != nil || arrived {
			return err
		}
		return steps.Wait(time.Hour)
	}))
	delay, _ := contrail.RetryDelay(err)
	fmt.Println(errors.Is(err, steps.ErrWaiting), delay)
	// Output: true 1h0m0s
}

// A step may leave it to a person.
func ExampleHalt() {
	ctx := context.Background()
	pool, closeAll := exampleDatabase(ctx)
	defer closeAll()

	_, err := steps.Run(ctx, pool, "refunds/42", 12_000, steps.Tx("approve", func(_ context.Context, _ pgx.Tx, run *steps.State) error {
		if run.Round() == 0 {
			return steps.Halt("it is above 10,000")
		}
		return nil // somebody has had it go on
	}))
	fmt.Println(err)
	// Output: run refunds/42: the run is halted in step "approve": it is above 10,000; see `contrail runs show`, and let it go on by `contrail runs retry`
}

// One step may be performed in several transactions.
func ExampleRepeat() {
	ctx := context.Background()
	pool, closeAll := exampleDatabase(ctx)
	defer closeAll()

	_, err := steps.Run(ctx, pool, "imports/7", nil, steps.Tx("pages", func(_ context.Context, _ pgx.Tx, run *steps.State) error {
		fmt.Println("page", run.Round())
		if run.Round() < 2 {
			return steps.Repeat()
		}
		return nil
	}))
	fmt.Println(err)
	// Output:
	// page 0
	// page 1
	// page 2
	// <nil>
}
