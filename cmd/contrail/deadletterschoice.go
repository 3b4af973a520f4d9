package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/subscribers/deadletters"
)

// deadLettersChoice is which letters a person decides about: those that are named, or all that the filters select.
type deadLettersChoice struct {
	deadLettersStream
	deadLettersFilter

	IDs   []uint64 `arg:"" optional:"" name:"letter" help:"Which, as contrail dead-letters list shows them."`
	All   bool     `env:"-" help:"All dead letters that the filters select."`
	Limit int64    `env:"-" help:"With --all: at most so many, the oldest; 0: no limit."`
	Yes   bool     `short:"y" env:"-" help:"With --all: do not ask."`
	JSON  bool     `name:"json" help:"Print JSON lines."`
}

// deadLettersChange is a decision: what the package does, and what is asked before.
type deadLettersChange struct {
	word   string    // to type, to go on
	asks   string    // completes the question "3 dead letters of 1 consumer, in stream DEADLETTERS, will be …"
	answer io.Reader // where it is typed
	do     func(js jetstream.JetStream, which deadletters.Selection) iter.Seq2[deadletters.Outcome, error]
}

// check refuses what makes no sense.
func (c deadLettersChoice) check() error {
	switch limited := c.Limit != 0 || c.isGiven(); {
	case c.Limit < 0:
		return usagef("--limit is %d; give 0 or more", c.Limit)
	case c.All && len(c.IDs) > 0:
		return usagef("both letters and --all are given; give one of them")
	case !c.All && len(c.IDs) == 0:
		return usagef("which letters? give them by number, or --all")
	case !c.All && limited:
		return usagef("letters are given, so there is nothing to select; leave the filters and --limit away, or give --all")
	case slices.Contains(c.IDs, 0):
		return usagef("letter 0 is given; they begin with 1")
	}
	return nil
}

// run decides, and prints what becomes of each letter as it happens.
func (c deadLettersChoice) run(ctx context.Context, a *app, change deadLettersChange) error {
	if err := c.check(); err != nil {
		return err
	}
	filter, err := c.filter(c.deadLettersStream, nil, time.Now())
	if err != nil {
		return err
	}
	filter.Limit = c.Limit
	return c.withBroker(ctx, a, func(js jetstream.JetStream) error {
		which, err := c.selection(ctx, a, js, filter, change)
		if err != nil {
			return err
		}
		return a.printLetterOutcomes(change.do(js, which), c.JSON)
	})
}

// selection is what is meant. Where somebody is asked, it is what they were asked about: letters that come meanwhile are not.
func (c deadLettersChoice) selection(
	ctx context.Context, a *app, js jetstream.JetStream, filter deadletters.Filter, change deadLettersChange,
) (deadletters.Selection, error) {
	if !c.All {
		return deadletters.At(c.DeadLetters, c.IDs...), nil
	}
	if c.Yes {
		return deadletters.Matching(filter), nil
	}
	last, err := c.ask(ctx, a, change, deadletters.List(ctx, js, filter))
	if err != nil || last == 0 {
		return deadletters.Selection{}, err
	}
	filter.UpTo = last
	return deadletters.Matching(filter), nil
}

// ask says how many letters are meant, and returns the last of them.
func (c deadLettersChoice) ask(
	ctx context.Context, a *app, change deadLettersChange, letters iter.Seq2[deadletters.Letter, error],
) (last uint64, err error) {
	n, consumers := 0, map[string]bool{}
	for letter, err := range letters {
		if err != nil {
			return 0, err
		}
		n, last, consumers[letter.Consumer] = n+1, letter.ID, true
	}
	if n == 0 {
		return 0, nil
	}
	question := fmt.Sprintf("%s of %s, in stream %s, will be %s",
		plural(n, "dead letter"), plural(len(consumers), "consumer"), printable(c.DeadLetters), change.asks)
	return last, a.confirmChange(ctx, change.answer, question, change.word)
}

// printLetterOutcomes tells what became of each letter, and is not content unless each is as was asked for. What keeps several from having an
// effect is said once.
func (a *app) printLetterOutcomes(outcomes iter.Seq2[deadletters.Outcome, error], asJSON bool) error {
	var result error
	var warnings []string
	none := true
	for outcome, err := range outcomes {
		if err != nil {
			a.printWarnings(warnings)
			return err
		}
		none = false
		if !outcome.Done {
			result = errNotSo
		}
		if asJSON {
			if err := a.printJSON(outcome); err != nil {
				return err
			}
			continue
		}
		a.printf("letter %d %s\n", outcome.ID, printable(outcome.Text))
		if outcome.Warning != "" && !slices.Contains(warnings, outcome.Warning) {
			warnings = append(warnings, outcome.Warning)
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
