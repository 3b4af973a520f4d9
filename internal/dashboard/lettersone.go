package dashboard

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers/deadletters"
)

// letterView is one dead letter.
type letterView struct {
	Letter  deadletters.Letter   `json:"letter"`
	Meaning string               `json:"meaning"`
	Advice  string               `json:"advice"`
	Others  []deadletters.Letter `json:"others"` // of the same event and consumer: what was requeued, and what has failed again
}

// Title is the page's.
func (v letterView) Title() string { return fmt.Sprintf("Dead letter %d", v.Letter.ID) }

// Dead tells whether it can be decided about.
func (v letterView) Dead() bool { return v.Letter.State == deadletters.Dead }

// Requeueable tells whether its consumer can have it.
func (v letterView) Requeueable() bool { return v.Dead() && !v.Letter.Malformed() }

// Spent tells whether it was requeued as often as is usual, so that more has to be allowed.
func (v letterView) Spent() bool { return v.Letter.Replays >= deadletters.DefaultMaxReplays }

// NextBound is the least bound that lets it be requeued once more.
func (v letterView) NextBound() int { return v.Letter.Replays + 1 }

// Row is what a form says to mean it.
func (v letterView) Row() string { return seen{v.Letter.ID, v.Letter.StoredAt}.String() }

// Causes are the errors that the last one wraps.
func (v letterView) Causes() []string {
	if len(v.Letter.ErrorChain) < 2 {
		return nil
	}
	return v.Letter.ErrorChain[1:]
}

// Payload is that of a message that is no event, as far as it is text.
func (v letterView) Payload() string {
	switch data := v.Letter.Data; {
	case v.Letter.Event != nil || len(data) == 0:
		return ""
	case utf8.Valid(data):
		return string(data)
	default:
		return fmt.Sprintf("a payload of %d bytes that is no text; ?format=json has them in base64", len(data))
	}
}

func (d *Dashboard) readLetter(ctx context.Context, r *request) (any, error) {
	id, err := numberOf("letter", r.path("id"))
	if err != nil || id == 0 {
		return nil, errNotFound("dead letter " + r.path("id"))
	}
	letter, err := deadletters.Get(ctx, d.js, d.config.DeadLetters, id)
	if err != nil {
		return nil, errLetter(err, r.path("id"))
	}
	view := letterView{Letter: letter, Meaning: deadletters.Meaning(letter.Reason), Advice: letterAdvice(letter), Others: []deadletters.Letter{}}
	if letter.Event != nil {
		view.Others, err = d.otherLetters(ctx, letter)
	}
	return view, err
}

// otherLetters are those of the same event and consumer among the newest, the oldest first: what was decided about it before and since. The payload of
// discarded ones is gone, so that they are not found.
func (d *Dashboard) otherLetters(ctx context.Context, of deadletters.Letter) ([]deadletters.Letter, error) {
	others := []deadletters.Letter{}
	found, err := deadletters.Browse(ctx, d.js, deadletters.Filter{
		Stream: of.In, States: []deadletters.State{deadletters.Dead, deadletters.Requeued}, Consumer: of.Consumer, EventStream: of.Event.Stream, Type: of.Event.Type,
	}, deadletters.Look{Backwards: true, Bound: 2000, Time: 50 * time.Millisecond})
	if err != nil {
		return others, err
	}
	for _, other := range slices.Backward(found.Letters) {
		if other.ID != of.ID && isOf(*of.Event, other) {
			others = append(others, other)
		}
	}
	return others, nil
}

func isOf(event contrail.Recorded, letter deadletters.Letter) bool {
	return letter.Event != nil && letter.Event.ID == event.ID
}

// letterAdvice is what to do about a letter.
func letterAdvice(letter deadletters.Letter) string {
	switch {
	case letter.State == deadletters.Requeued:
		return progressAdvice(letter)
	case letter.State == deadletters.Discarded:
		return "It is not handled, and its payload is gone: there is nothing left to do."
	case letter.Malformed():
		return "It can't be requeued. Find out who has sent it, and discard it."
	}
	text := deadletters.Cure(letter.Reason) + ", and requeue it. Or decide that it shall never be handled, and discard it."
	if letter.Replays >= deadletters.DefaultMaxReplays {
		text += fmt.Sprintf(" It was requeued %s already and failed each time: to requeue it, raise the bound.", times(letter.Replays))
	}
	return text
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func progressAdvice(letter deadletters.Letter) string {
	switch letter.Progress {
	case deadletters.Waiting:
		return "The consumer gets it as soon as a process of the subscription runs and has room for it."
	case deadletters.InHand:
		return "The consumer has it, or is busy with one that was requeued before it."
	case deadletters.Settled:
		return "The consumer is done with it: it is handled, or a dead letter once more with a number of replays."
	case deadletters.Orphaned:
		return "No subscription " + letter.Consumer + " listens on this stream so far. Start it: it gets the event then."
	}
	return "No consumer gets it."
}

// letterState is where a letter stands and, if it is requeued, how far its consumer is.
func letterState(letter deadletters.Letter) string {
	if letter.Progress == "" {
		return string(letter.State)
	}
	return string(letter.State) + ", " + strings.ReplaceAll(string(letter.Progress), "_", " ")
}

// State is where it stands, in words.
func (letterView) State(letter deadletters.Letter) string { return letterState(letter) }
