package steps_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/subscribers/steps"
)

// issued is what an invoice's reminders are about.
type issued struct {
	Due time.Time `json:"due"`
}

// reminders reminds of an invoice on the day on which it is due and a fortnight later, and marks it after another one.
func reminders(fortnight time.Duration) steps.Workflow {
	remind := func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
		_, err := tx.Exec(ctx, `INSERT INTO outgoing (invoice, what) VALUES ($1, $2)`, run.RunKey(), run.Step())
		return err
	}
	return steps.Workflow{Name: "reminders", Steps: []steps.Step{
		steps.SleepUntil("until it is due", func(run *steps.State) (time.Time, error) {
			invoice, err := steps.Args[issued](run)
			return invoice.Due, err
		}),
		steps.Tx("reminder", remind),
		steps.Sleep("a fortnight", fortnight),
		steps.Tx("second reminder", remind),
		steps.Sleep("another one", fortnight),
		steps.Tx("mark", func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
			_, err := tx.Exec(ctx, `INSERT INTO outgoing (invoice, what) VALUES ($1, 'marked as overdue')`, run.RunKey())
			return errors.Join(err, run.Return("overdue"))
		}),
	}}
}

// Reminders of invoices, by timers that outlast the process; a payment cancels them.
func ExampleWorker() {
	ctx := context.Background()
	pool, closeAll := exampleDatabase(ctx)
	defer closeAll()
	must(pool.Exec(ctx, `CREATE TABLE outgoing (id bigint GENERATED ALWAYS AS IDENTITY, invoice text NOT NULL, what text NOT NULL)`))
	worker := must(steps.NewWorker(pool, steps.WorkerConfig{}, reminders(50*time.Millisecond)))
	running, cancel := context.WithCancel(ctx)
	stopped := make(chan error)
	go func() { stopped <- worker.Run(running) }()

	// In the handlers of InvoiceIssued and InvoicePaid: with their transactions.
	exampleMust(pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		return errors.Join(
			worker.Start(ctx, tx, "reminders", "reminders/invoice-42", issued{Due: time.Now()}),
			worker.Start(ctx, tx, "reminders", "reminders/invoice-43", issued{Due: time.Now().AddDate(0, 1, 0)}),
		)
	}))
	exampleMust(pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		_, err := steps.Cancel(ctx, tx, "reminders/invoice-43", steps.Order{By: "payments", Because: "paid"})
		return err
	}))

	exampleWait(ctx, pool, 2)
	cancel()
	exampleMust(<-stopped)
	rows, _ := pool.Query(ctx, `SELECT invoice || ': ' || what FROM outgoing ORDER BY id`)
	for _, line := range must(pgx.CollectRows(rows, pgx.RowTo[string])) {
		fmt.Println(line)
	}
	for run, err := range steps.List(ctx, pool, steps.Filter{Workflow: "reminders"}) {
		exampleMust(err)
		fmt.Println(run.Key, "is", run.Status, run.Reason)
	}
	// Unordered output:
	// reminders/invoice-42: reminder
	// reminders/invoice-42: second reminder
	// reminders/invoice-42: marked as overdue
	// reminders/invoice-43 is cancelled paid
	// reminders/invoice-42 is finished
}

// A run that a step has halted goes on when a person has looked into it.
func ExampleRetry() {
	ctx := context.Background()
	pool, closeAll := exampleDatabase(ctx)
	defer closeAll()
	pay := func() error {
		_, err := steps.Run(ctx, pool, "orders/42", nil, steps.Tx("charge", func(_ context.Context, _ pgx.Tx, run *steps.State) error {
			if run.Round() == 0 {
				return steps.Halt("the total is above 10,000")
			}
			return nil
		}))
		return err
	}
	fmt.Println(errors.Is(pay(), steps.ErrHalted))
	fmt.Println(must(steps.Explain(ctx, pool, "orders/42", steps.Look{})).Why)
	outcome := must(steps.Retry(ctx, pool, "orders/42", steps.Order{By: "ada@ops", Because: "the customer is known"}))
	fmt.Println("run", outcome.Run, outcome.Text)
	fmt.Println(pay())
	// Output:
	// true
	// Step "charge" has halted it: the total is above 10,000. It goes on with that step when a person says so.
	// run orders/42 goes on with step "charge"
	// <nil>
}

// Why a run stands where it stands, and what has become of it.
func ExampleExplain() {
	ctx := context.Background()
	pool, closeAll := exampleDatabase(ctx)
	defer closeAll()
	_, err := steps.Run(ctx, pool, "imports/7", "contacts.csv",
		steps.Tx("read", func(_ context.Context, _ pgx.Tx, run *steps.State) error { return run.Set("lines", 3) }).
			Undo(func(context.Context, pgx.Tx, *steps.State) error { return nil }),
		steps.Sleep("a day", 24*time.Hour), steps.Tx("end", func(context.Context, pgx.Tx, *steps.State) error { return nil }))
	fmt.Println(errors.Is(err, steps.ErrWaiting))
	shown := must(steps.Explain(ctx, pool, "imports/7", steps.Look{}))
	fmt.Println(shown.Key, shown.Status, "in step", shown.StepName(), string(shown.Args), string(shown.Values["lines"]))
	for _, entry := range shown.Log {
		fmt.Println(entry.Step, entry.What)
	}
	// Output:
	// true
	// imports/7 waiting in step a day "contacts.csv" 3
	// read succeeded
	// a day waiting
}

// How many runs there are of each workflow in each state; which of them a person must look at; and away with what ended long ago.
func ExamplePurge() {
	ctx := context.Background()
	pool, closeAll := exampleDatabase(ctx)
	defer closeAll()
	for _, key := range []string{"orders/1", "orders/2"} {
		must(steps.Run(ctx, pool, key, nil, steps.Tx("a", func(context.Context, pgx.Tx, *steps.State) error { return nil })))
	}
	_, err := steps.Run(ctx, pool, "orders/3", nil, steps.Tx("a", func(context.Context, pgx.Tx, *steps.State) error { return steps.Halt("look") }))
	fmt.Println(errors.Is(err, steps.ErrHalted))
	must(pool.Exec(ctx, `UPDATE contrail.runs SET ended_at = now() - interval '31 days' WHERE key = 'orders/1'`))

	fmt.Println(steps.Purge(ctx, pool, steps.Retention{OlderThan: 30 * 24 * time.Hour}))
	counts := must(steps.Count(ctx, pool, steps.Filter{}))
	fmt.Println(counts[steps.Group{Status: steps.Finished}], counts[steps.Group{Status: steps.Halted}])
	for run, err := range steps.List(ctx, pool, steps.Filter{Statuses: []steps.Status{steps.Halted}}) {
		fmt.Println(run.Key, run.Reason, err)
	}
	outcome, err := steps.Abandon(ctx, pool, "orders/3", steps.Order{By: "ada@ops", Because: "a test"})
	fmt.Println(outcome.Text, err)
	// Output:
	// true
	// 1 <nil>
	// 1 1
	// orders/3 look <nil>
	// is cancelled, and nothing more is undone <nil>
}

// exampleWait waits until so many runs have ended.
func exampleWait(ctx context.Context, pool *pgxpool.Pool, runs int) {
	for ended := 0; ended < runs; {
		exampleMust(pool.QueryRow(ctx, `SELECT count(*) FROM contrail.runs WHERE ended_at IS NOT NULL`).Scan(&ended))
	}
}

func exampleMust(err error) {
	if err != nil {
		panic(err)
	}
}
