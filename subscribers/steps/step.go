package steps

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

// Step is one of a run's. It is made by [Tx], [Call], [Sleep], [SleepUntil], [ForEach] or [Await], and is a value: any number of runs may share it,
// at the same time.
type Step struct {
	name    string
	perform func(ctx context.Context, p *performance) error // ends in a move of the run, or an error
	undo    func(ctx context.Context, p *performance) error // likewise; nil: there is nothing to undo
	outside bool                                            // it may have taken effect where no transaction reaches
	fault   string                                          // of the constructor's arguments; "": none
}

// Name is what the step is known by in its run.
func (s Step) Name() string { return s.name }

// Undo returns the step with what undoes it, in a transaction of its own, when a later step fails for good or the run is cancelled. It is called once in
// effect, and tried again like a step; when it fails for good, the run halts for a person. It is also called for a step that has not succeeded
// but has done something: [State.Round] of it are committed, or the list of [ForEach] is; and for a [Call] that was begun, which may or may not have taken effect.
// [Repeat], [Wait], [WaitUntil] and [Halt] mean what they mean in a step. Step has one Undo or one UndoCall, the last that was given.
func (s Step) Undo(undo func(ctx context.Context, tx pgx.Tx, run *State) error) Step {
	if undo == nil {
		s.fault = "Undo without a function"
		return s
	}
	s.undo = func(ctx context.Context, p *performance) error {
		return p.transact(ctx, func(ctx context.Context, tx pgx.Tx) error { return undo(ctx, tx, &p.state) }, p.undone)
	}
	return s
}

// UndoCall is [Step.Undo] for what is undone outside the database, as by a refund: undo is called without a transaction, at least once, with a [State.Key] of its
// own; what it sets is kept. When a run is cancelled or taken over whose [Call] is being made by a process that is frozen, undo may be called before that has ended: tell the
// other side by the step's key what not to do.
func (s Step) UndoCall(undo func(ctx context.Context, run *State) error) Step {
	if undo == nil {
		s.fault = "UndoCall without a function"
		return s
	}
	s.undo = func(ctx context.Context, p *performance) error {
		return p.callOut(ctx, func(ctx context.Context) error { return undo(ctx, &p.state) }, nothing, p.undone)
	}
	return s
}

const (
	maxKey  = 512 // bytes of a run's key
	maxName = 128 // bytes of a step's name
)

// validate names all that is wrong with a run's key and steps.
func validate(key string, steps []Step) error {
	var faults []error
	if problem := unfit(key, maxKey); problem != "" {
		faults = append(faults, fmt.Errorf("the key %q %s", shortened(key), problem))
	}
	return errors.Join(append(faults, validateSteps(steps)...)...)
}

func validateSteps(steps []Step) (faults []error) {
	if len(steps) == 0 {
		faults = append(faults, errors.New("there are no steps"))
	}
	seen := make(map[string]int, len(steps))
	for i, step := range steps {
		problem := unfit(step.name, maxName)
		earlier, twice := seen[step.name]
		switch {
		case problem != "":
			faults = append(faults, fmt.Errorf("the name %q of step %d %s", shortened(step.name), i+1, problem))
		case twice:
			faults = append(faults, fmt.Errorf("steps %d and %d have the same name %q", earlier+1, i+1, step.name))
		default:
			seen[step.name] = i
		}
		switch {
		case step.fault != "":
			faults = append(faults, fmt.Errorf("step %d, %q: %s", i+1, shortened(step.name), step.fault))
		case step.perform == nil:
			faults = append(faults, fmt.Errorf("step %d, %q, was not made by Tx, Call, Sleep, SleepUntil, ForEach or Await", i+1, shortened(step.name)))
		}
	}
	return faults
}

// unfit completes the sentence "the key …".
func unfit(text string, limit int) string {
	switch {
	case text == "":
		return "is empty"
	case len(text) > limit:
		return fmt.Sprintf("has %d bytes, and may have %d", len(text), limit)
	case !utf8.ValidString(text):
		return "is not UTF-8"
	}
	for _, r := range text {
		if r < ' ' || r == 0x7f {
			return "has a control character"
		}
	}
	return ""
}

func shortened(text string) string {
	if len(text) > 60 {
		return text[:60] + "…"
	}
	return text
}

// names are what a run's definition consists of.
func names(steps []Step) []string {
	list := make([]string, len(steps))
	for i, step := range steps {
		list[i] = step.name
	}
	return list
}
