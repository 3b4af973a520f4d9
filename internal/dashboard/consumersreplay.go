package dashboard

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/audit"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// replayView is the form of a replay and, once a range is chosen, what it would do.
type replayView struct {
	consumerLine

	Given  url.Values      `json:"-"`
	Ready  bool            `json:"ready"`  // a range is chosen: the next step does it
	AtMost int64           `json:"events"` // of the range, at most; zero: unknown, or not chosen
	Fields []decisionField `json:"-"`
}

// Title is the page's.
func (v replayView) Title() string { return "Replay events to consumer " + v.Durable }

// DefaultRate is what the form begins with.
func (replayView) DefaultRate() int { return subscriptions.DefaultRate }

// replayFields are those of the form.
func replayFields() []string {
	return []string{"first", "last", "stream", "category", "type", "rate", "no_inbox", "id"}
}

// Value is what a field was given.
func (v replayView) Value(name string) string { return v.Given.Get(name) }

func (d *Dashboard) readReplay(ctx context.Context, r *request) (any, error) {
	one, err := subscriptions.Get(ctx, d.js, d.name(r.path("durable")))
	if err != nil {
		return nil, errConsumer(err, r.path("durable"))
	}
	latest, _ := d.sampler.Latest()
	view := replayView{consumerLine: d.consumerLine(one, latest), Given: r.query(), Ready: r.query().Get("step") == "confirm"}
	if !view.Ready {
		return view, nil
	}
	replay, err := replayOf(r.query())
	if err != nil {
		return nil, err
	}
	to := replay.To
	if to == 0 {
		to = one.Delivered.Position // what comes later is delivered anyway
	}
	if first := max(1, replay.From); to >= first {
		view.AtMost = int64(to-first) + 1
	}
	given := only(r.query(), replayFields())
	if word(given, "id") == "" {
		given.Set("id", uuid.NewString()) // a form that is posted twice replays once
	}
	view.Fields = fieldsOf(given)
	return view, nil
}

// replayOf is which events, by a query or a form.
func replayOf(given url.Values) (subscriptions.Replay, error) {
	replay := subscriptions.Replay{Category: word(given, "category"), ID: word(given, "id")}
	for name, position := range map[string]*contrail.Position{"first": &replay.From, "last": &replay.To} {
		number, err := numberOf(name, given.Get(name))
		if err != nil {
			return replay, err
		}
		*position = contrail.Position(number) //nolint:gosec // 63 bits
	}
	if replay.To > 0 && replay.To < replay.From {
		return replay, errBadInput(fmt.Sprintf("the last position, %d, is before the first, %d", replay.To, replay.From))
	}
	var err error
	if name := word(given, "stream"); name != "" {
		if replay.Stream, err = contrail.ParseStreamID(name); err != nil {
			return replay, errBadInput("stream: " + err.Error())
		}
	}
	if replay.Category != "" && contrail.NewStreamID(replay.Category, "1").Validate() != nil {
		return replay, errBadInput(fmt.Sprintf("category is %q; it is made of letters, digits and '_'", replay.Category))
	}
	for _, name := range strings.FieldsFunc(given.Get("type"), func(r rune) bool { return r == ',' || r == ' ' }) {
		if err := (contrail.Event{Type: name}).Validate(); err != nil {
			return replay, errBadInput("type: " + err.Error())
		}
		replay.Types = append(replay.Types, name)
	}
	if text := given.Get("rate"); text != "" {
		if replay.Rate, err = strconv.ParseFloat(text, 64); err != nil || replay.Rate < 0 || math.IsNaN(replay.Rate) || math.IsInf(replay.Rate, 0) {
			return replay, errBadInput(fmt.Sprintf("rate is %q; give events a second, or 0 for as many as the broker takes", text))
		}
		if replay.Rate == 0 {
			replay.Rate = -1
		}
	}
	return replay, nil
}

// inbox is the database with a subscription's inbox; nil for one that has none.
type inbox interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

func (d *Dashboard) replayConsumer(ctx context.Context, r *request) ([]audit.Result, error) {
	replay, err := replayOf(r.http.PostForm)
	if err != nil {
		return nil, err
	}
	replay.By, replay.Because = r.by(), r.reason()
	var db inbox = d.pool
	if r.form("no_inbox") != "" {
		db = nil
	}
	durable := r.path("durable")
	collected := &progress{request: r, of: "event", past: "sent to consumer " + durable}
	replay.Progress = func(done subscriptions.ReplayDone) { collected.reached(done.Events) }
	sent, err := replay.Run(ctx, d.js, db, d.name(durable))
	switch {
	case errors.Is(err, subscriptions.ErrAgedOut):
		err = fmt.Errorf("%w; contrail subscriptions replay --archive takes them from the database", subscriptions.ErrAgedOut)
	case err != nil && sent.Events+sent.Before > 0:
		err = fmt.Errorf("%w; to go on, replay the same range with the id %s: nothing is sent twice", err, sent.ID)
	case err != nil:
		err = errBadInput(consumerFaults(errConsumer(err, durable)))
	}
	text := plural(sent.Events, "event") + " sent; its page tells how many are not handled yet (requeued)"
	if sent.Before > 0 {
		text += fmt.Sprintf("; %d were sent before", sent.Before)
	}
	if sent.Events+sent.Before == 0 && err != nil {
		return nil, err
	}
	return oneDone("consumer "+durable, text), err
}
