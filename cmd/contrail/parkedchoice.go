package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/publisher/parked"
)

// parkedChoice is which events a person decides about: those that are named, or all that the filters select.
type parkedChoice struct {
	parkedStream
	parkedFilter

	Positions []int64 `arg:"" optional:"" name:"position" help:"Which, as contrail parked list shows them."`
	All       bool    `env:"-" help:"All that the filters select."`
	Limit     int64   `env:"-" help:"With --all: at most so many, the lowest positions first; 0: no limit."`
	Yes       bool    `short:"y" env:"-" help:"With --all: do not ask."`
	JSON      bool    `name:"json" help:"Print JSON lines."`
}

// parkedChange is a decision: what the package does, which states may be meant, the first by default, and what is asked before.
type parkedChange struct {
	word   string // to type, to go on
	asks   string // completes the question "3 events of stream EVENTS will be …"
	states []parked.State
	do     func(context.Context, parked.Beginner, parked.Selection, parked.Decision) ([]parked.Outcome, error)
}

// check refuses what makes no sense.
func (c parkedChoice) check(states []parked.State) error {
	if c.Limit < 0 {
		return usagef("--limit is %d; give 0 or more", c.Limit)
	}
	for _, state := range c.State {
		if !slices.Contains(states, parked.State(state)) {
			return usagef("--state is %s; this takes events that are %s", state, alternatives(states))
		}
	}
	switch limited := c.Limit > 0 || c.isGiven(); {
	case c.All && len(c.Positions) > 0:
		return usagef("both positions and --all are given; give one of them")
	case !c.All && len(c.Positions) == 0:
		return usagef("which events? give positions, or --all")
	case !c.All && limited:
		return usagef("positions are given, so there is nothing to select; leave the filters and --limit away, or give --all")
	}
	for _, position := range c.Positions {
		if position < 1 {
			return usagef("position %d is given; positions begin with 1", position)
		}
	}
	return nil
}

// run decides, and prints what became of each event.
func (c parkedChoice) run(ctx context.Context, a *app, change parkedChange, because string) error {
	if err := c.check(change.states); err != nil {
		return err
	}
	filter, err := c.filter(c.Stream)
	if err != nil {
		return err
	}
	pool, err := a.openStore(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	filter.Limit = c.Limit
	if len(filter.States) == 0 {
		filter.States = change.states[:1]
	}
	which, err := c.selection(ctx, a, pool, filter, change)
	if err != nil {
		return err
	}
	var outcomes []parked.Outcome
	err = inTx(ctx, pool, func(tx pgx.Tx) (err error) {
		outcomes, err = change.do(ctx, tx, which, parked.Decision{By: person(), Note: because})
		return err
	})
	if err != nil {
		return err
	}
	return a.printOutcomes(outcomes, c.JSON)
}

// selection is what is meant. Where somebody is asked, it is what they were asked about, as it was then.
func (c parkedChoice) selection(ctx context.Context, a *app, pool *pgxpool.Pool, filter parked.Filter, change parkedChange) (parked.Selection, error) {
	if !c.All {
		return parked.At(c.Stream, positionsOf(c.Positions)...), nil
	}
	if c.Yes {
		return parked.Matching(filter), nil
	}
	var events []parked.Event
	for event, err := range parked.List(ctx, pool, filter) {
		if err != nil {
			return parked.Selection{}, err
		}
		events = append(events, event)
	}
	which := parked.Seen(events...)
	if len(events) == 0 {
		return which, nil
	}
	question := fmt.Sprintf("%s of stream %s will be %s", plural(len(events), "event"), printable(c.Stream), change.asks)
	return which, a.confirmChange(ctx, os.Stdin, question, change.word)
}

// confirmChange asks for a word.
func (a *app) confirmChange(ctx context.Context, from io.Reader, question, word string) error {
	_, _ = fmt.Fprintf(a.stderr, "contrail %s: %s; type %s to go on: ", a.verb, question, word)
	typed := make(chan string, 1)
	go func() { // a signal must not wait for it
		line, _ := bufio.NewReader(from).ReadString('\n')
		typed <- strings.TrimSpace(line)
	}()
	select {
	case <-ctx.Done():
		return context.Cause(ctx) //nolint:wrapcheck // the signal
	case answer := <-typed:
		if answer != word {
			return errors.New("nothing was changed, since it was not confirmed; give --yes where there is nobody to ask")
		}
	}
	return nil
}

// printOutcomes tells what became of each event, and is not content unless each is as was asked for.
func (a *app) printOutcomes(outcomes []parked.Outcome, asJSON bool) error {
	var result error
	for _, outcome := range outcomes {
		if !outcome.Done {
			result = errNotSo
		}
		if asJSON {
			if err := a.printJSON(outcome); err != nil {
				return err
			}
			continue
		}
		a.printf("position %d %s\n", outcome.Position, printable(outcome.Text))
	}
	if len(outcomes) == 0 && !asJSON {
		a.printf("there is nothing to do\n")
	}
	return result
}

func positionsOf(numbers []int64) []contrail.Position {
	positions := make([]contrail.Position, len(numbers))
	for n, number := range numbers {
		positions[n] = contrail.Position(number)
	}
	return positions
}

// alternatives is "parked, held or requeued".
func alternatives(states []parked.State) string {
	var text strings.Builder
	for n, state := range states {
		switch {
		case n > 0 && n == len(states)-1:
			text.WriteString(" or ")
		case n > 0:
			text.WriteString(", ")
		}
		text.WriteString(string(state))
	}
	return text.String()
}
