package steps_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/subscribers/steps"
)

// faultFlow is a workflow, and what it leaves behind, each of it once.
type faultFlow struct {
	name    string
	steps   func(*faultWorld) []steps.Step
	status  steps.Status
	result  string
	succeed []string // steps
	undone  []string // likewise
	effects []string // in the database
	outside []string // the ends of the keys that the provider has got
	events  map[string]int
}

func (f faultFlow) keys(run string) []string {
	keys := make([]string, len(f.outside))
	for i, end := range f.outside {
		keys[i] = run + end
	}
	return keys
}

func faultArgs() map[string]any {
	return map[string]any{"total": 12.50, "lines": []string{"a", "b", "c"}}
}

func faultFlows() []faultFlow {
	return []faultFlow{{
		name: "finishes", steps: (*faultWorld).order, status: steps.Finished, result: `"42, receipt"`,
		succeed: []string{"reserve", "charge", "lines", "flaky", "poll", "settle", "pause", "announce", "total"},
		effects: []string{
			"reserve", "charge", "line 0 a", "line 1 b", "line 2 c", "flaky", "poll 0", "poll 1", "poll 2", "settle 0", "settle 1", "announce", "total",
		},
		outside: []string{"/charge"},
		events:  map[string]int{"OrderPlaced": 1},
	}, {
		name: "fails", steps: (*faultWorld).refused, status: steps.Failed,
		succeed: []string{"reserve", "charge", "note", "lines"},
		undone:  []string{"reserve", "charge", "lines"},
		effects: []string{"reserve", "charge", "note", "line 0 a", "line 1 b", "line 2 c", "undo lines", "undo reserve"},
		outside: []string{"/charge", "/charge/undo"},
		events:  map[string]int{},
	}}
}

// order has all kinds of steps but Await.
func (w *faultWorld) order() []steps.Step {
	return []steps.Step{
		w.reserve(), w.charge(), w.lines(),
		steps.Tx("flaky", func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
			if err := w.took(ctx, tx, run, "flaky"); err != nil || run.Retrying() {
				return err
			}
			return errors.New("the first time it fails, behind its statement")
		}),
		steps.Tx("poll", func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
			if err := w.took(ctx, tx, run, "poll %d", run.Round()); err != nil || run.Round() == 2 {
				return err
			}
			return steps.Repeat()
		}),
		steps.Tx("settle", func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
			if err := w.took(ctx, tx, run, "settle %d", run.Round()); err != nil || run.Round() == 1 {
				return err
			}
			return steps.Wait(faultLater)
		}),
		steps.Sleep("pause", faultLater),
		steps.Tx("announce", w.announce),
		steps.Tx("total", func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
			hold, _, err := steps.Get[int](run, "hold")
			receipt, _, errCharge := steps.Get[string](run, "charge")
			_, found, errNone := steps.Get[*int](run, "none")
			if receipt != "receipt for "+run.RunID().String()+"/charge" || !found {
				return fmt.Errorf("a value is not what it was: %q, %t", receipt, found)
			}
			return errors.Join(err, errCharge, errNone, w.took(ctx, tx, run, "total"), run.Return(fmt.Sprint(hold, ", receipt")))
		}),
	}
}

// refused fails at its end, and is undone but for a step that can't be.
func (w *faultWorld) refused() []steps.Step {
	return []steps.Step{
		w.reserve().Undo(w.undo("reserve")),
		w.charge().UndoCall(func(_ context.Context, run *steps.State) error {
			_, err := w.request(run.Key())
			return err
		}),
		steps.Tx("note", w.note),
		w.lines().Undo(w.undo("lines")),
		steps.Tx("refuse", func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
			if err := w.took(ctx, tx, run, "refuse"); err != nil {
				return err
			}
			return contrail.Permanent(errors.New("sold out"))
		}),
	}
}

func (w *faultWorld) reserve() steps.Step {
	return steps.Tx("reserve", func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
		return errors.Join(w.took(ctx, tx, run, "reserve"), run.Set("hold", 42), run.Set("none", nil))
	})
}

func (w *faultWorld) charge() steps.Step {
	return steps.Call("charge", func(_ context.Context, run *steps.State) (string, error) {
		return w.request(run.Key())
	}, func(ctx context.Context, tx pgx.Tx, run *steps.State, receipt string) error {
		return errors.Join(w.took(ctx, tx, run, "charge"), run.Set("charge", receipt))
	})
}

func (w *faultWorld) lines() steps.Step {
	list := func(_ context.Context, _ pgx.Tx, run *steps.State) ([]string, error) {
		args, err := steps.Args[struct{ Lines []string }](run)
		return args.Lines, err
	}
	return steps.ForEach("lines", list, func(ctx context.Context, tx pgx.Tx, run *steps.State, line string) error {
		return w.took(ctx, tx, run, "line %d %s", run.Round(), line)
	})
}

func (w *faultWorld) announce(ctx context.Context, tx pgx.Tx, run *steps.State) error {
	store, err := eventstore.New(eventstore.Config{})
	if err != nil {
		return err
	}
	stream := contrail.NewStreamID("order", run.RunID().String())
	if _, err := store.Append(ctx, tx, stream, eventstore.Any, contrail.Event{Type: "OrderPlaced", Data: json.RawMessage(`{}`)}); err != nil {
		return err
	}
	return w.took(ctx, tx, run, "announce")
}

// note also has a statement without parameters: then pgx says less of a connection that breaks.
func (w *faultWorld) note(ctx context.Context, tx pgx.Tx, run *steps.State) error {
	if err := w.took(ctx, tx, run, "note"); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `SELECT 'without parameters'`)
	return err
}

func (w *faultWorld) undo(what string) func(context.Context, pgx.Tx, *steps.State) error {
	return func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
		return w.took(ctx, tx, run, "undo %s", what)
	}
}
