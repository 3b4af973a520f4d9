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
	choiceFlags

	IDs []uint64 `arg:"" optional:"" name:"letter" help:"Which, as contrail dead-letters list shows them."`
}

// deadLettersChange is a decision: what the package does, and what is asked before.
type deadLettersChange struct {
	word   string    // to type, to go on
	asks   string    // completes the question "3 dead letters of 1 consumer, in stream DEADLETTERS, will be …"
	answer io.Reader // where it is typed
	do     func(js jetstream.JetStream, which deadletters.Selection) iter.Seq2[deadletters.Outcome, error]
}

func deadLetterNumbers() choosable {
	return choosable{names: "letters", question: "which letters? give them by number"}
}

func checkLetters(ids []uint64) error {
	if slices.Contains(ids, 0) {
		return usagef("letter 0 is given; they begin with 1")
	}
	return nil
}

// check refuses what makes no sense.
func (c deadLettersChoice) check() error {
	if err := c.choiceFlags.check(deadLetterNumbers(), len(c.IDs), c.isGiven()); err != nil {
		return err
	}
	return checkLetters(c.IDs)
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
		return printOutcomes(a, change.do(js, which), c.JSON, letterBecomes)
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

func letterBecomes(outcome deadletters.Outcome) becomes {
	return becomes{text: fmt.Sprintf("letter %d %s", outcome.ID, outcome.Text), done: outcome.Done, warning: outcome.Warning}
}
