package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/publisher/parked"
)

// parkedShowVerb shows one event.
type parkedShowVerb struct {
	parkedStream
	keysFlag

	Position int64 `arg:"" help:"Which, as contrail parked list shows it."`
	JSON     bool  `name:"json" help:"Print one JSON line."`
}

// Help teaches.
func (*parkedShowVerb) Help() string {
	return `Shows one event that the relay has left out of its place: the reason, and apart from it what the broker answered last, word for
word; what it is held behind, or what is held behind it; what to do; and the event itself. It exits 1 when there is no such event.

Examples:

  contrail parked show 17
  contrail parked show 17 --json | jq -r .error`
}

// parkedShown is what there is to show.
type parkedShown struct {
	parked.Detail

	Behind contrail.Position   `json:"held_behind,omitempty"` // the first of the parked events that this one is held behind
	Holds  []contrail.Position `json:"holds"`                 // the events that are held behind this one

	event *contrail.Recorded // nil: the store does not have it
}

// Run shows.
func (v *parkedShowVerb) Run(ctx context.Context, a *app) error {
	if v.Position < 1 {
		return usagef("position %d is given; positions begin with 1", v.Position)
	}
	pool, err := a.openStore(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	shown, err := v.read(ctx, pool)
	if errors.Is(err, parked.ErrNotFound) {
		return fmt.Errorf("no relay of %s has left out position %d; contrail parked list shows which there are", v.Stream, v.Position)
	}
	if err != nil {
		return err
	}
	if v.JSON {
		return a.printJSON(shown)
	}
	a.printPairs(shown.rows())
	a.printf("\n%s\n", shown.advice())
	if shown.event != nil {
		a.printf("\n%s\n", excerpt(indented(*shown.event)))
	}
	return nil
}

func (v *parkedShowVerb) read(ctx context.Context, pool *pgxpool.Pool) (shown parkedShown, err error) {
	store, err := v.newStore()
	if err != nil {
		return shown, err
	}
	if shown.Detail, err = parked.Get(ctx, pool, v.Stream, contrail.Position(v.Position)); err != nil {
		return shown, err
	}
	if shown.ID != uuid.Nil {
		event, err := store.Find(ctx, pool, shown.ID) // made readable, with keys
		if err != nil {
			return shown, err
		}
		shown.event, shown.Data = &event, event.Data
	}
	return shown, shown.readStream(ctx, pool)
}

// readStream looks at what else of the event's stream waits.
func (s *parkedShown) readStream(ctx context.Context, pool *pgxpool.Pool) error {
	s.Holds = []contrail.Position{}
	filter := parked.Filter{Relay: s.Relay, Stream: s.Stream}
	switch s.State {
	case parked.Parked:
		filter.States, filter.After = []parked.State{parked.Held}, s.Position
	case parked.Held:
		filter.States, filter.Until, filter.Limit = []parked.State{parked.Parked}, s.Position, 1
	case parked.Requeued, parked.Published, parked.Discarded:
		return nil
	}
	for other, err := range parked.List(ctx, pool, filter) {
		switch {
		case err != nil:
			return err
		case s.State == parked.Held:
			s.Behind = other.Position
		default:
			s.Holds = append(s.Holds, other.Position)
		}
	}
	return nil
}

const excerptBytes = 2048 // of an event's data that a person is shown: one that is too large for the broker would fill the terminal

// excerpt is the beginning of a long text, and how long it is.
func excerpt(text string) string {
	if len(text) <= excerptBytes {
		return text
	}
	return strings.ToValidUTF8(text[:excerptBytes], "") + "…\n(" + thousands(len(text)) + " bytes; --json prints them all)"
}

const heldShown = 20 // positions that a line names at most

func (s *parkedShown) rows() [][]string {
	rows := [][]string{
		{"relay", printable(s.Relay)},
		{"state", fmt.Sprintf("%s since %s, by %s", s.State, s.ChangedAt.Format(time.RFC3339), orDash(printable(s.ChangedBy)))},
		{"reason", fmt.Sprintf("%s: %s", s.Reason, s.Reason.Meaning())},
		{"delivery error", orDash(printable(s.Error))},
		{"attempts", strconv.Itoa(s.Attempts)},
		{"left out", s.ParkedAt.Format(time.RFC3339)},
	}
	if s.Note != "" {
		rows = append(rows, []string{"note", printable(s.Note)})
	}
	if s.Sequence > 0 {
		rows = append(rows, []string{"published", fmt.Sprintf("out of its order, as message %d of the stream", s.Sequence)})
	}
	if s.Behind > 0 {
		rows = append(rows, []string{"held behind", fmt.Sprintf("position %d", s.Behind)})
	}
	if n := len(s.Holds); n > 0 {
		var names []string
		for _, position := range s.Holds[:min(n, heldShown)] {
			names = append(names, strconv.FormatInt(int64(position), 10))
		}
		text := fmt.Sprintf("%s: %s", plural(n, "event"), strings.Join(names, ", "))
		if n > heldShown {
			text += " …"
		}
		rows = append(rows, []string{"holds", text})
	}
	if s.event == nil {
		return append(rows, []string{"position", strconv.FormatInt(int64(s.Position), 10)}, []string{"stream", s.Stream.String()},
			[]string{"event", "the store does not have it"})
	}
	return append(rows, eventRows(*s.event)...)
}
