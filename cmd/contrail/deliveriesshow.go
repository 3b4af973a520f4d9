package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// deliveriesShowVerb shows one delivery.
type deliveriesShowVerb struct {
	deliveriesScope

	ID   string `arg:"" name:"delivery" help:"Which, as contrail deliveries list shows it."`
	JSON bool   `name:"json" help:"Print one JSON line."`
}

// Help teaches.
func (*deliveriesShowVerb) Help() string {
	return `Shows one delivery: which event is to reach whom, why it stands where it stands, what to do about it, and all that became of it: when it was
planned, put off and tried, what the other side said, what was recovered, held, redriven and cancelled, by whom and why. It exits 1 when
there is no such delivery.

Examples:

  contrail deliveries show 0192d9a1-7c3e-7c4e-9a30-0f3f2f4b5a6c
  contrail deliveries show 0192d9a1-7c3e-7c4e-9a30-0f3f2f4b5a6c --json | jq -r .why`
}

// Run shows.
func (v *deliveriesShowVerb) Run(ctx context.Context, a *app) error {
	ids, err := deliveryIDs([]string{v.ID})
	if err != nil {
		return err
	}
	pool, err := a.openStore(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	timeline, err := deliveries.Explain(ctx, pool, ids[0], v.scope())
	switch {
	case errors.Is(err, deliveries.ErrNotFound):
		return fmt.Errorf("%s %s; contrail deliveries list shows which there are", ids[0], noDelivery(v.scope()))
	case err != nil:
		return err
	case v.JSON:
		return a.printJSON(timeline)
	}
	shown := shownDelivery{timeline}
	a.printPairs(shown.rows())
	a.printf("\n%s\n\n", shown.advice())
	a.printTable(shown.entries())
	return nil
}

// shownDelivery is a delivery for a person's eyes: what comes from the other side does nothing to the terminal.
type shownDelivery struct{ deliveries.Timeline }

func (s shownDelivery) rows() [][]string {
	rows := [][]string{{"delivery", s.ID.String()}}
	add := func(name, text string) {
		if text != "" {
			rows = append(rows, []string{name, printable(text)})
		}
	}
	add("consumer", s.Consumer)
	add("channel", s.Channel)
	add("recipient", s.Recipient)
	add("lane", s.Lane)
	add("event", s.event())
	add("tenant", s.Tenant)
	add("state", deliveryState(s.State, s.Standing)+" since "+s.ChangedAt.Format(time.RFC3339))
	add("reason", orDash(string(s.Reason)))
	add("attempts", strconv.Itoa(s.Attempts))
	if !s.DueAt.IsZero() {
		add("due", s.DueAt.Format(time.RFC3339))
	}
	if s.DuplicateRisk {
		add("duplicate risk", "the recipient may have got it already")
	}
	for _, round := range s.Rounds {
		if round.ID != s.ID {
			add("round "+strconv.Itoa(round.Round), fmt.Sprintf("%s, %s", round.ID, round.State))
		}
	}
	return rows
}

// event is which one it is about, and where.
func (s shownDelivery) event() string {
	text := fmt.Sprintf("%s of %s, %s, at position %d", s.Event.Type, s.Event.Stream, s.Event.ID, s.Event.Position)
	if s.Event.Sequence > 0 {
		text += fmt.Sprintf(", message %d", s.Event.Sequence)
	}
	if !s.Event.Kept {
		text += "; its data is encrypted where it is stored, and not kept here"
	}
	return text
}

// advice is why it stands where it stands, what to do, and what to type.
func (s shownDelivery) advice() string {
	lines := []string{printable(s.Why), printable(s.Next)}
	for _, verb := range s.verbs() {
		lines = append(lines, "  "+s.command(verb))
	}
	return strings.Join(lines, "\n")
}

// verbs are those that make sense now.
func (s shownDelivery) verbs() []string {
	switch s.Standing {
	case deliveries.StandingDue, deliveries.StandingClaimed, deliveries.StandingRunning:
		return []string{"cancel"}
	case deliveries.StandingWaiting, deliveries.StandingHeld:
		return []string{"redrive", "cancel"}
	case deliveries.StandingStuck:
		return []string{"recover"}
	case deliveries.StandingEnded:
	}
	if s.last() != s.ID {
		return []string{"show"}
	}
	if s.State == deliveries.Succeeded {
		return nil
	}
	return []string{"redrive"}
}

// last is the delivery of the last round: where this one has ended, there may be another one in its place.
func (s shownDelivery) last() uuid.UUID {
	if n := len(s.Rounds); n > 0 {
		return s.Rounds[n-1].ID
	}
	return s.ID
}

// command is what to type.
func (s shownDelivery) command(verb string) string {
	command := fmt.Sprintf("contrail deliveries %s %s", verb, s.last())
	if verb == "redrive" || verb == "cancel" {
		command += " --because '…'"
	}
	return command
}

func (s shownDelivery) entries() [][]string {
	rows := [][]string{{"time", "what", "by", "details"}}
	for _, entry := range s.Entries {
		rows = append(rows, []string{
			entry.At.Format("2006-01-02T15:04:05.000Z07:00"), entryWhat(entry), orDash(printable(entry.By)), orDash(printable(entryDetails(entry))),
		})
	}
	return rows
}

// entryWhat is "attempt 1 failed".
func entryWhat(entry deliveries.Entry) string {
	switch entry.What { //nolint:exhaustive // the others say what they are
	case deliveries.EntryStarted:
		return fmt.Sprintf("attempt %d started", entry.Attempt)
	case deliveries.EntryCompleted:
		return fmt.Sprintf("attempt %d %s", entry.Attempt, entry.Outcome)
	case deliveries.EntryLate:
		return fmt.Sprintf("attempt %d %s, too late", entry.Attempt, entry.Outcome)
	}
	return printable(string(entry.What))
}

// entryDetails is what there is to say.
func entryDetails(entry deliveries.Entry) string {
	var details []string
	add := func(text, value string) {
		if value != "" {
			details = append(details, text+value)
		}
	}
	add("", entry.Because)
	if !entry.Until.IsZero() {
		add("due at ", entry.Until.Format(time.RFC3339))
	}
	if entry.DuplicateRisk {
		add("", "may be a duplicate")
	}
	add("", string(entry.Class))
	add("", entry.Error)
	add("", entry.Response)
	add("receipt ", entry.Receipt)
	if entry.Seconds > 0 {
		add("took ", time.Duration(entry.Seconds*float64(time.Second)).Round(time.Millisecond).String())
	}
	return strings.Join(details, "; ")
}
