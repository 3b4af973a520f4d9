package dashboard

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"strconv"
	"strings"

	"github.com/contrail-events/contrail/internal/audit"
	"github.com/contrail-events/contrail/subscribers/deadletters"
)

// letterActions are what can be decided about dead letters. They go on in the background: a hundred thousand take a while.
func (d *Dashboard) letterActions() []action {
	target := func(r *request) string {
		switch rows := r.http.PostForm["row"]; {
		case r.form("which") == whichSelected && len(rows) == 1:
			number, _, _ := strings.Cut(rows[0], ".")
			return "dead letter " + number
		case r.form("which") == whichSelected:
			return plural(int64(len(rows)), "dead letter")
		case r.form("which") == whichPage:
			return fmt.Sprintf("dead letters from %s to %s", r.form("first"), r.form("last"))
		}
		return "all dead letters that match, up to " + r.form("last")
	}
	return []action{
		{pattern: "/dead-letters/requeue", name: "letters.requeue", target: target, do: d.requeueLetters, long: true},
		{pattern: "/dead-letters/discard", name: "letters.discard", target: target, do: d.discardLetters, long: true},
	}
}

func (d *Dashboard) requeueLetters(ctx context.Context, r *request) ([]audit.Result, error) {
	options, err := requeueOptions(r)
	if err != nil {
		return nil, err
	}
	which, err := d.chosenLetters(ctx, r)
	if err != nil {
		return nil, err
	}
	return d.decideLetters(r, "requeued", deadletters.Requeue(ctx, d.js, which, options))
}

func (d *Dashboard) discardLetters(ctx context.Context, r *request) ([]audit.Result, error) {
	if r.reason() == "" {
		return nil, errBadInput("no reason is given; say why these events shall not be handled")
	}
	which, err := d.chosenLetters(ctx, r)
	if err != nil {
		return nil, err
	}
	return d.decideLetters(r, "discarded", deadletters.Discard(ctx, d.js, which, deadletters.Decision{By: r.by(), Because: r.reason()}))
}

// requeueOptions are those that the form has; a field that is empty means the default.
func requeueOptions(r *request) (deadletters.Options, error) {
	options := deadletters.Options{Decision: deadletters.Decision{By: r.by(), Because: r.reason()}}
	if text := r.form("rate"); text != "" {
		rate, err := strconv.ParseFloat(text, 64)
		if err != nil || rate < 0 || math.IsNaN(rate) || math.IsInf(rate, 0) {
			return options, errBadInput(fmt.Sprintf("rate is %q; give letters a second, or 0 for as many as the broker takes", text))
		}
		if options.Rate = rate; rate == 0 {
			options.Rate = deadletters.Unlimited
		}
	}
	if text := r.form("max_replays"); text != "" {
		bound, err := strconv.Atoi(text)
		if err != nil || bound < 1 {
			return options, errBadInput(fmt.Sprintf("max_replays is %q; give 1 or more", text))
		}
		options.MaxReplays = bound
	}
	if err := options.Validate(); err != nil {
		return options, errBadInput(strings.NewReplacer("deadletters.Options: ", "", "deadletters.Decision: ", "", "\n", "; ").Replace(err.Error()))
	}
	return options, nil
}

// chosenLetters are what the form means: what somebody was shown, and nothing that came since.
func (d *Dashboard) chosenLetters(ctx context.Context, r *request) (deadletters.Selection, error) {
	none := deadletters.Selection{}
	which, err := whichOf(r.form("which"))
	if err != nil {
		return none, err
	}
	if err := d.sameLetters(ctx, r.form("born")); err != nil {
		return none, err
	}
	if which == whichSelected {
		rows, err := seenIn(r.http.PostForm["row"])
		letters := make([]deadletters.Letter, len(rows))
		for i, row := range rows {
			letters[i] = deadletters.Letter{In: d.config.DeadLetters, ID: row.number, StoredAt: row.at}
		}
		return deadletters.Seen(letters...), err
	}
	filter, err := d.letterFilter(filterOf(r.http.PostForm), r.formTime)
	if err != nil {
		return none, err
	}
	first, err := numberOf("first", r.form("first"))
	if err != nil {
		return none, err
	}
	if first > 0 {
		filter.After = first - 1
	}
	if filter.UpTo, err = numberOf("last", r.form("last")); err == nil && filter.UpTo == 0 {
		err = errBadInput("last is not given; begin at the list of dead letters, which says what is meant")
	}
	return deadletters.Matching(filter), err
}

// sameLetters refuses if the stream was made anew since the page was shown: the numbers mean other letters then.
func (d *Dashboard) sameLetters(ctx context.Context, seen string) error {
	if seen == "" {
		return nil
	}
	born, err := d.lettersBorn(ctx)
	if err == nil && strconv.FormatInt(born.UnixNano(), 10) != seen {
		err = errBadInput("the stream of dead letters was made anew since the page was shown; nothing was done: look at the list again")
	}
	return err
}

// decideLetters has it done, letter by letter, and collects what becomes of each.
func (d *Dashboard) decideLetters(r *request, past string, outcomes iter.Seq2[deadletters.Outcome, error]) ([]audit.Result, error) {
	collected := &progress{request: r, of: "dead letter", past: past}
	for outcome, err := range outcomes {
		if err != nil {
			return collected.all(), explainCut(err, collected, "once more")
		}
		result := audit.Result{What: fmt.Sprintf("dead letter %d", outcome.ID), Outcome: audit.Done, Detail: outcome.Text}
		switch outcome.Result {
		case deadletters.ResultRefused, deadletters.ResultGone:
			result.Outcome = audit.Refused
		case deadletters.ResultFailed:
			result.Outcome = audit.Failed
		case deadletters.ResultRequeued, deadletters.ResultDiscarded:
		}
		collected.add(result)
		collected.warn(outcome.Warning)
	}
	return collected.all(), nil
}

// explainCut says what an action that was cut off leaves.
func explainCut(err error, collected *progress, again string) error {
	text := fmt.Sprintf("it was cut off after %s; what was done has happened, the others are as they were; do it %s for these: nothing is done twice",
		collected.sentence(), again)
	if errors.Is(err, errEnding) {
		return fmt.Errorf("%w: %s", errEnding, text)
	}
	return fmt.Errorf("%w: %s", err, text)
}
