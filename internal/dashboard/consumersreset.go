package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/audit"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// resetView is the form of a reset and, once a place is chosen, what it would do.
type resetView struct {
	consumerLine

	Chosen  *resetChoice           `json:"chosen"`  // nil: no place is chosen yet
	Preview *subscriptions.Preview `json:"preview"` // nil: likewise
	Given   url.Values             `json:"-"`
}

// resetChoice is where to, in words and as the form hands it on.
type resetChoice struct {
	To       string    `json:"to"` // beginning, new, position or time
	Position uint64    `json:"position,omitempty"`
	Time     time.Time `json:"time,omitzero"`
	Forget   bool      `json:"forget"`
	Words    string    `json:"words"`
}

// Title is the page's.
func (v resetView) Title() string { return "Reset consumer " + v.Durable }

// Instant is the time that was chosen, as the form hands it on; "" if none was.
func (c *resetChoice) Instant() string {
	if c.Time.IsZero() {
		return ""
	}
	return c.Time.UTC().Format(time.RFC3339Nano)
}

// Skips is how many of the events that would be delivered once more the inbox passes over.
func (v resetView) Skips() bool { return v.Preview != nil && v.Preview.Known > 0 && !v.Chosen.Forget }

func (d *Dashboard) readReset(ctx context.Context, r *request) (any, error) {
	one, err := subscriptions.Get(ctx, d.js, d.name(r.path("durable")))
	if err != nil {
		return nil, errConsumer(err, r.path("durable"))
	}
	latest, _ := d.sampler.Latest()
	view := resetView{consumerLine: d.consumerLine(one, latest), Given: r.query()}
	if r.query().Get("to") == "" {
		return view, nil
	}
	choice, start, err := resetTo(r.query(), r.time)
	if err != nil {
		return nil, err
	}
	preview, err := subscriptions.PreviewReset(ctx, d.js, d.pool, d.name(one.Durable), start)
	if errors.Is(err, subscribers.ErrNotYet) {
		return nil, errBadInput(err.Error())
	}
	view.Chosen, view.Preview = choice, &preview
	return view, err
}

// resetTo is where to, by a query or a form.
func resetTo(given url.Values, instant func(name string) (time.Time, error)) (choice *resetChoice, start subscribers.Start, err error) {
	choice = &resetChoice{To: given.Get("to"), Forget: given.Get("forget") != ""}
	switch choice.To {
	case "beginning":
	case "new":
		start = subscribers.FromNew()
	case "position":
		if choice.Position, err = numberOf("position", given.Get("position")); err == nil && choice.Position == 0 {
			err = errBadInput("no position is given; give the first event's that is to be delivered")
		}
		start = subscribers.FromPosition(contrail.Position(choice.Position)) //nolint:gosec // 63 bits
	case "time":
		if choice.Time, err = instant("time"); err == nil && choice.Time.IsZero() {
			err = errBadInput("no time is given; give it as 2026-01-31T14:05")
		}
		start = subscribers.FromTime(choice.Time)
	default:
		err = errBadInput(fmt.Sprintf("to is %q; give beginning, new, position or time", choice.To))
	}
	choice.Words = start.String()
	return choice, start, err
}

// settleTime is how long events in hand may take to be answered before a reset.
const settleTime = 10 * time.Second

func (d *Dashboard) resetConsumer(ctx context.Context, r *request) ([]audit.Result, error) {
	choice, start, err := resetTo(r.http.PostForm, r.formTime)
	if err != nil {
		return nil, err
	}
	durable := r.path("durable")
	reset, err := subscriptions.Reset(ctx, d.js, d.pool, d.name(durable), subscriptions.ResetTo{Start: start, Forget: choice.Forget, Settle: settleTime})
	if err != nil {
		return nil, errConsumer(err, durable)
	}
	text := "goes on with position " + strconv.FormatInt(int64(reset.Position), 10) + fmt.Sprintf(" (message %d)", reset.Sequence)
	if reset.Position == 0 {
		text = fmt.Sprintf("goes on with what is new (message %d)", reset.Sequence)
	}
	if reset.Forgot {
		text += "; its inbox has forgotten what was from there on"
	}
	results := oneDone("consumer "+durable, text)
	if reset.InHand > 0 {
		results = append(results, audit.Result{
			What: plural(int64(reset.InHand), "event"), Outcome: audit.Done, Detail: "in hand meanwhile: what was not answered is delivered once more",
		})
	}
	return results, nil
}

// consumerFaults are the package's words for what is wrong with a replay, in the form's.
func consumerFaults(err error) string {
	return strings.NewReplacer("subscriptions.Replay: ", "", "\n", "; ").Replace(err.Error())
}
