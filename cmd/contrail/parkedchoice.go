package main

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/publisher/parked"
)

// parkedChoice is which events a person decides about: those that are named, or all that the filters select.
type parkedChoice struct {
	parkedStream
	parkedFilter
	choiceFlags

	Positions []int64 `arg:"" optional:"" name:"position" help:"Which, as contrail parked list shows them."`
}

// parkedChange is a decision: what the package does, which states may be meant, the first by default, and what is asked before.
type parkedChange struct {
	word   string // to type, to go on
	asks   string // completes the question "3 events of stream EVENTS will be …"
	states []parked.State
	do     func(context.Context, parked.Beginner, parked.Selection, parked.Decision) ([]parked.Outcome, error)
}

func parkedPositions() choosable {
	return choosable{names: "positions", question: "which events? give positions"}
}

// check refuses what makes no sense.
func (c parkedChoice) check(states []parked.State) error {
	for _, state := range c.State {
		if !slices.Contains(states, parked.State(state)) {
			return usagef("--state is %s; this takes events that are %s", state, alternatives(states))
		}
	}
	if err := c.choiceFlags.check(parkedPositions(), len(c.Positions), c.isGiven()); err != nil {
		return err
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
	return printOutcomes(a, allOf(outcomes), c.JSON, parkedBecomes)
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

func parkedBecomes(outcome parked.Outcome) becomes {
	return becomes{text: fmt.Sprintf("position %d %s", outcome.Position, outcome.Text), done: outcome.Done}
}

func positionsOf(numbers []int64) []contrail.Position {
	positions := make([]contrail.Position, len(numbers))
	for n, number := range numbers {
		positions[n] = contrail.Position(number)
	}
	return positions
}
