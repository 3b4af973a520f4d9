package main

import (
	"context"
	"errors"

	"github.com/contrail-events/contrail/publisher/parked"
)

// parkedPurgeVerb purges events.
type parkedPurgeVerb struct {
	parkedStream
	parkedFilter

	Positions []int64 `arg:"" optional:"" name:"position" help:"Which; none: all that the filters select."`
	OlderThan string  `default:"30d" placeholder:"TIME" help:"How long ago they were published or discarded at least, as 36h or 30d."`
	Limit     int64   `env:"-" help:"At most so many, the lowest positions first; 0: no limit."`
	Batch     int     `default:"1000" help:"Events in one transaction, at most."`
	JSON      bool    `name:"json" help:"Print JSON lines."`
}

// Help teaches.
func (*parkedPurgeVerb) Help() string {
	return `Forgets what is over for long. The record of an event that was published in its order after all is deleted. Those of events that
stand out of their order in the stream, or that were discarded, stay, since they excuse that these are not in their place; but their errors
and notes are deleted. What is parked, held or requeued is never touched, and the events themselves stay in the store. It may be
interrupted and run again; run it from cron. It exits 1 when a position that was named is not purged.

Examples:

  contrail parked purge
  contrail parked purge --older-than 7d --state published`
}

// Run purges.
func (v *parkedPurgeVerb) Run(ctx context.Context, a *app) error {
	choice := parkedChoice{
		parkedStream: v.parkedStream, parkedFilter: v.parkedFilter, Positions: v.Positions, choiceFlags: choiceFlags{All: len(v.Positions) == 0, Limit: v.Limit},
	}
	if len(v.Positions) > 0 && (v.isGiven() || v.Limit > 0) {
		return parkedPositions().errNothingToSelect("the positions")
	}
	if err := errors.Join(choice.check([]parked.State{parked.Published, parked.Discarded}), atLeast("--batch", v.Batch, 1)); err != nil {
		return err
	}
	age, err := olderThan(v.OlderThan)
	if err != nil {
		return err
	}
	filter, err := v.filter(v.Stream)
	if err != nil {
		return err
	}
	filter.Limit = v.Limit
	which := parked.Matching(filter)
	if len(v.Positions) > 0 {
		which = parked.At(v.Stream, positionsOf(v.Positions)...)
	}
	pool, err := a.openStore(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	outcomes, err := parked.Purge(ctx, pool, which, parked.Retention{OlderThan: age, Batch: v.Batch})
	if err != nil && len(outcomes) == 0 {
		return err
	}
	told := printOutcomes(a, allOf(outcomes), v.JSON, parkedBecomes)
	if err != nil {
		return err
	}
	return told
}
