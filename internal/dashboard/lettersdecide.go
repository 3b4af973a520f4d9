package dashboard

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/subscribers/deadletters"
)

// What can be decided about dead letters: the last part of the addresses, and the word of the buttons.
const (
	requeueLetters = "requeue"
	discardLetters = "discard"
)

// letterDecision is the second step of a decision: what is meant, how much that is, and what it means.
type letterDecision struct {
	Verb   string               `json:"verb"`
	Which  string               `json:"which"`
	Count  int64                `json:"count"`
	Looked *lettersLooked       `json:"looked,omitempty"`   // the count is of so much of the stream as could be looked at; nil: of all of it
	Shown  []deadletters.Letter `json:"letters"`            // some of them
	Gone   []uint64             `json:"gone,omitempty"`     // that were ticked and are no dead letters any more
	Fields []decisionField      `json:"-"`                  // that the form hands on
	Spent  int                  `json:"requeued_too_often"` // of those shown, so many were requeued as often as is usual
}

// Title is the page's.
func (v *letterDecision) Title() string {
	if v.Verb == requeueLetters {
		return "Requeue dead letters"
	}
	return "Discard dead letters"
}

// Requeue tells whether it is that.
func (v *letterDecision) Requeue() bool { return v.Verb == requeueLetters }

// Rate and MaxReplays are what the form begins with.
func (*letterDecision) Rate() int { return deadletters.DefaultRate }

// MaxReplays is how often a letter may have been requeued.
func (*letterDecision) MaxReplays() int { return deadletters.DefaultMaxReplays }

// Duration is about how long it takes at the usual rate, in seconds.
func (v *letterDecision) Duration() float64 { return float64(v.Count) / deadletters.DefaultRate }

// Amount is the count as a sentence has it.
func (v *letterDecision) Amount() string {
	text := plural(v.Count, "dead letter")
	if v.Looked != nil {
		text += " or more"
	}
	return text
}

// State is where a letter stands, in words.
func (*letterDecision) State(letter deadletters.Letter) string { return letterState(letter) }

// readLetterDecision reads what somebody is about to decide.
func (d *Dashboard) readLetterDecision(verb string) func(ctx context.Context, r *request) (any, error) {
	return func(ctx context.Context, r *request) (any, error) {
		which, err := whichOf(r.query().Get("which"))
		if err != nil {
			return nil, err
		}
		born, err := d.lettersBorn(ctx)
		if err != nil {
			return nil, err
		}
		view := &letterDecision{Verb: verb, Which: which, Shown: []deadletters.Letter{}}
		view.hand("which", which)
		view.hand("born", strconv.FormatInt(born.UnixNano(), 10))
		if which == whichSelected {
			err = view.selected(ctx, d, r.query()["row"])
		} else {
			err = view.matching(ctx, d, r)
		}
		return view, err
	}
}

func (v *letterDecision) hand(name, value string) {
	v.Fields = append(v.Fields, decisionField{name, value})
}

// lettersBorn is when the stream of dead letters was made: in another one the same number is another letter.
func (d *Dashboard) lettersBorn(ctx context.Context) (time.Time, error) {
	stream, err := d.js.Stream(ctx, d.config.DeadLetters)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return time.Time{}, errNotFound("stream " + d.config.DeadLetters + " of dead letters")
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("stream %s: %w", d.config.DeadLetters, err)
	}
	return stream.CachedInfo().Created, nil
}

// selected are the letters that were ticked, as they were seen.
func (v *letterDecision) selected(ctx context.Context, d *Dashboard, values []string) error {
	rows, err := seenIn(values)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return errBadInput("no letter is selected; go back and tick some, or take the whole page")
	}
	if len(rows) > mostRows {
		return errBadInput(fmt.Sprintf("%d letters are selected; take %d or fewer, or all that match", len(rows), mostRows))
	}
	for _, row := range rows {
		letter, err := deadletters.Get(ctx, d.js, d.config.DeadLetters, row.number)
		isThis := err == nil && letter.State == deadletters.Dead && (row.at.IsZero() || row.at.Equal(letter.StoredAt))
		switch {
		case errors.Is(err, deadletters.ErrNotFound) || err == nil && !isThis:
			v.Gone = append(v.Gone, row.number)
		case err != nil:
			return err
		default:
			v.Shown = append(v.Shown, letter)
		}
		v.hand("row", row.String()) // also of one that is gone: what became of it is told in the end
	}
	v.Count = int64(len(v.Shown))
	v.countSpent()
	return nil
}

func (v *letterDecision) countSpent() {
	for _, letter := range v.Shown {
		if letter.Replays >= deadletters.DefaultMaxReplays {
			v.Spent++
		}
	}
}

// matching are the letters that the filter selects, on the page or altogether, among those that there are now.
func (v *letterDecision) matching(ctx context.Context, d *Dashboard, r *request) error {
	filter, err := d.letterFilter(r.query(), r.time)
	if err != nil {
		return err
	}
	first, err := r.number("first")
	if err != nil {
		return err
	}
	if filter.UpTo, err = r.number("last"); err != nil {
		return err
	}
	if v.Which == whichPage && (first == 0 || filter.UpTo == 0 || filter.UpTo-first >= 1<<32) {
		return errBadInput("the page's first and last letter are not given; go back to the list, which gives them")
	}
	counts, err := deadletters.Tally(ctx, d.js, filter.Stream)
	if err != nil {
		return errLetter(err, "")
	}
	byKind := filter.UpTo == 0 && first == 0 && filter.ByKind()
	if first > 0 {
		filter.After = first - 1
	}
	if filter.UpTo == 0 {
		if filter.UpTo, err = d.lastLetter(ctx); err != nil || filter.UpTo == 0 {
			return err
		}
	}
	v.handFilter(r.query(), filter)
	return v.count(ctx, d, filter, counts, byKind)
}

// lastLetter is the number of the newest message in the stream: what comes later is not meant.
func (d *Dashboard) lastLetter(ctx context.Context) (uint64, error) {
	stream, err := d.js.Stream(ctx, d.config.DeadLetters)
	if err != nil {
		return 0, fmt.Errorf("stream %s: %w", d.config.DeadLetters, err)
	}
	return stream.CachedInfo().State.LastSeq, nil
}

// handFilter has the form say what the address does, with times that mean the same whoever reads them.
func (v *letterDecision) handFilter(given url.Values, filter deadletters.Filter) {
	for name, values := range only(given, letterFields()) {
		for _, value := range values {
			switch name {
			case "since":
				value = filter.Since.UTC().Format(time.RFC3339Nano)
			case "until":
				value = filter.Until.UTC().Format(time.RFC3339Nano)
			case "reason":
				name = filterReason
			}
			v.hand(name, value)
		}
	}
	if filter.After > 0 {
		v.hand("first", key(filter.After+1))
	}
	v.hand("last", key(filter.UpTo))
}

const (
	lettersShown = 20                    // of those that a decision is about
	lookTime     = 60 * time.Millisecond // for counting them
)

// count tells how many are meant: exactly, if the broker knows without reading or they are few, and else how many there are in what can be looked at in
// a moment.
func (v *letterDecision) count(ctx context.Context, d *Dashboard, filter deadletters.Filter, counts map[deadletters.Kind]int64, byKind bool) error {
	filter.Limit = lettersShown
	found, err := deadletters.Browse(ctx, d.js, filter, deadletters.Look{Time: lookTime / 2})
	if err != nil {
		return err
	}
	v.Shown, v.Count = append(v.Shown, found.Letters...), int64(len(found.Letters))
	v.countSpent()
	switch {
	case !found.More:
		return nil
	case byKind:
		v.Count = 0
		for kind, letters := range counts {
			if filter.Takes(kind) {
				v.Count += letters
			}
		}
		return nil
	}
	filter.Limit = math.MaxInt32
	if found, err = deadletters.Browse(ctx, d.js, filter, deadletters.Look{Time: lookTime, Bare: true}); err != nil {
		return err
	}
	if v.Count = int64(len(found.Letters)); found.More {
		v.Looked = &lettersLooked{found.From, found.To}
	}
	return nil
}
