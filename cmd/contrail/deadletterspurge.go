package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/subscribers/deadletters"
)

// deadLettersPurgeVerb purges letters.
type deadLettersPurgeVerb struct {
	deadLettersStream
	deadLettersFilter

	IDs       []uint64 `arg:"" optional:"" name:"letter" help:"Which, in whatever state; none: all that the filters select."`
	State     []string `env:"-" enum:"dead,requeued,discarded" default:"dead" placeholder:"STATE" help:"Letters in this state, one of ${enum}; may be given several times."`
	OlderThan string   `default:"30d" placeholder:"TIME" help:"How long ago they failed, or were requeued or discarded, at least, as 36h or 30d."`
	Limit     int64    `env:"-" help:"At most so many, the oldest; 0: no limit."`
	JSON      bool     `name:"json" help:"Print JSON."`
}

// Help teaches.
func (*deadLettersPurgeVerb) Help() string {
	return `Deletes what is older than a time, for good and without a record: dead letters and, with --state, what was requeued or discarded. What is
requeued stays until its consumer is done with it. The stream itself drops everything after its own age, 30 days by default. It may be
interrupted and run again. It exits 1 when a letter that was named is not purged.

Examples:

  contrail dead-letters purge --older-than 7d
  contrail dead-letters purge --older-than 1d --state requeued --state discarded
  contrail dead-letters purge 17 --older-than 1s`
}

// Run purges.
func (v *deadLettersPurgeVerb) Run(ctx context.Context, a *app) error {
	now := time.Now()
	age, err := olderThan(v.OlderThan)
	switch {
	case err != nil:
		return err
	case v.Until != "":
		return usagef("--until is given; say with --older-than how old they are")
	case v.Limit < 0:
		return usagef("--limit is %d; give 0 or more", v.Limit)
	case len(v.IDs) > 0 && (v.isGiven() || v.Limit > 0):
		return deadLetterNumbers().errNothingToSelect("the letters")
	}
	if err := checkLetters(v.IDs); err != nil {
		return err
	}
	v.Until = now.Add(-age).Format(time.RFC3339Nano)
	filter, err := v.filter(v.deadLettersStream, v.State, now)
	if err != nil {
		return err
	}
	filter.Limit = v.Limit
	return v.withBroker(ctx, a, func(js jetstream.JetStream) error {
		if len(v.IDs) > 0 {
			return v.purgeNamed(ctx, a, js, filter.Until)
		}
		purged, err := deadletters.Purge(ctx, js, filter)
		if v.JSON {
			err = errors.Join(a.printJSON(map[string]int64{"purged": purged}), err)
		} else {
			a.printf("%s %s purged\n", plural(purged, "letter"), agree(purged, "is", "are"))
		}
		return err
	})
}

// purgeNamed tells of each letter.
func (v *deadLettersPurgeVerb) purgeNamed(ctx context.Context, a *app, js jetstream.JetStream, until time.Time) error {
	var result error
	for _, id := range slices.Compact(slices.Sorted(slices.Values(v.IDs))) {
		text, done, err := v.purgeOne(ctx, js, id, until)
		if err != nil {
			return err
		}
		if !done {
			result = errNotSo
		}
		if !v.JSON {
			a.printf("letter %d %s\n", id, text)
		} else if err := a.printJSON(purgedLetter{id, done, text}); err != nil {
			return err
		}
	}
	return result
}

// purgedLetter is what became of one.
type purgedLetter struct {
	ID   uint64 `json:"id"`
	Done bool   `json:"done"`
	Text string `json:"text"`
}

func (v *deadLettersPurgeVerb) purgeOne(ctx context.Context, js jetstream.JetStream, id uint64, until time.Time) (text string, done bool, err error) {
	letter, err := deadletters.Get(ctx, js, v.DeadLetters, id)
	switch {
	case errors.Is(err, deadletters.ErrNotFound):
		return "is no letter of " + v.DeadLetters + ", or not any more", false, nil
	case err != nil:
		return "", false, err
	case !letter.Since().Before(until):
		return fmt.Sprintf("has been %s for less than %s", letter.State, v.OlderThan), false, nil
	}
	only := deadletters.Filter{Stream: v.DeadLetters, States: deadletters.States(), After: id - 1, UpTo: id, Until: until}
	purged, err := deadletters.Purge(ctx, js, only)
	if err == nil && purged == 0 {
		return "stays until its consumer is done with it", false, nil
	}
	return "is purged", true, err
}
