package main

import (
	"iter"
	"slices"
)

// becomes is what became of one thing.
type becomes struct {
	text    string // a sentence
	done    bool   // it is as was asked for
	warning string // what keeps it from having an effect so far; empty: nothing
}

// printOutcomes tells what became of each thing as it happens, and is not content unless each is as was asked for. What keeps several from
// having an effect is said once.
func printOutcomes[O any](a *app, outcomes iter.Seq2[O, error], asJSON bool, tell func(O) becomes) error {
	var result error
	var warnings []string
	none := true
	for outcome, err := range outcomes {
		if err != nil {
			a.printWarnings(warnings)
			return err
		}
		none = false
		told := tell(outcome)
		if !told.done {
			result = errNotSo
		}
		if asJSON {
			if err := a.printJSON(outcome); err != nil {
				return err
			}
			continue
		}
		a.printf("%s\n", printable(told.text))
		if told.warning != "" && !slices.Contains(warnings, told.warning) {
			warnings = append(warnings, told.warning)
		}
	}
	if none && !asJSON {
		a.printf("there is nothing to do\n")
	}
	a.printWarnings(warnings)
	return result
}

func (a *app) printWarnings(warnings []string) {
	for _, warning := range warnings {
		a.printf("but %s\n", printable(warning))
	}
}

// allOf yields what is there already.
func allOf[T any](all []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, one := range all {
			if !yield(one, nil) {
				return
			}
		}
	}
}
