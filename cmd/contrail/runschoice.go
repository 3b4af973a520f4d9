package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/subscribers/steps"
)

// runsChoice is which runs a person decides about: those that are named, or all that the filters select.
type runsChoice struct {
	runsFilter
	choiceFlags

	Keys    []string `arg:"" optional:"" name:"run" help:"Which, by their keys, as contrail runs list shows them."`
	Because string   `env:"-" placeholder:"TEXT" help:"Why; kept in the run's log, and required."`
	By      string   `env:"-" placeholder:"WHO" help:"Who decides so; you on this host, unless it is given."`
}

// runsChange is a decision: what the package does, which states may be meant, those that are meant by default, and what is asked before.
type runsChange struct {
	word   string // to type, to go on
	asks   string // completes the question "3 runs will …"
	states []steps.Status
	usual  []steps.Status
	answer io.Reader // where it is typed
	do     func(ctx context.Context, db steps.Beginner, key string, order steps.Order) (steps.Outcome, error)
}

func runKeys() choosable { return choosable{names: "runs", question: "which runs? give their keys"} }

// run decides, and prints what becomes of each run as it happens.
func (c runsChoice) run(ctx context.Context, a *app, change runsChange, states []string) error {
	if err := c.check(change, states); err != nil {
		return err
	}
	filter, err := c.filter(states, time.Now())
	if err != nil {
		return err
	}
	filter.Limit = c.Limit
	if len(filter.Statuses) == 0 {
		filter.Statuses = change.usual
	}
	return a.withRuns(ctx, func(pool *pgxpool.Pool) error {
		keys, err := c.selection(ctx, a, pool, filter, change)
		if err != nil {
			return err
		}
		return printOutcomes(a, c.outcomes(ctx, pool, keys, change), c.JSON, runBecomes)
	})
}

// check refuses what makes no sense. A tenant may be given with keys, too: it says whose runs may be meant at all.
func (c runsChoice) check(change runsChange, states []string) error {
	for _, state := range states {
		if !slices.Contains(change.states, steps.Status(state)) {
			return usagef("--state is %s; this takes runs that are %s", state, alternatives(change.states))
		}
	}
	others := c.runsFilter
	others.Tenant = ""
	if err := c.choiceFlags.check(runKeys(), len(c.Keys), others.isGiven() || len(states) > 0); err != nil {
		return err
	}
	if c.Because == "" {
		return usagef("no reason is given; say why with --because: it is kept in the run's log")
	}
	return nil
}

// selection is what is meant, as it was when somebody was asked.
func (c runsChoice) selection(ctx context.Context, a *app, pool *pgxpool.Pool, filter steps.Filter, change runsChange) ([]string, error) {
	if !c.All {
		return c.Keys, nil
	}
	var keys []string
	for run, err := range steps.List(ctx, pool, filter) {
		if err != nil {
			return nil, err
		}
		keys = append(keys, run.Key)
	}
	if c.Yes || len(keys) == 0 {
		return keys, nil
	}
	return keys, a.confirmChange(ctx, change.answer, fmt.Sprintf("%s will %s", plural(len(keys), "run"), change.asks), change.word)
}

func (c runsChoice) outcomes(ctx context.Context, pool *pgxpool.Pool, keys []string, change runsChange) iter.Seq2[steps.Outcome, error] {
	order := steps.Order{By: cmp.Or(c.By, person()), Because: c.Because, Tenant: c.Tenant}
	return func(yield func(steps.Outcome, error) bool) {
		for _, key := range keys {
			outcome, err := change.do(ctx, pool, key, order)
			if errors.Is(err, steps.ErrNotFound) {
				outcome, err = steps.Outcome{Run: key, Text: "is not there"}, nil
			}
			if !yield(outcome, err) || err != nil {
				return
			}
		}
	}
}

func runBecomes(outcome steps.Outcome) becomes {
	return becomes{text: fmt.Sprintf("run %s %s", outcome.Run, outcome.Text), done: outcome.Done}
}
