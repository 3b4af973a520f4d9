package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/subscribers/deadletters"
)

// deadLettersShowVerb shows one letter.
type deadLettersShowVerb struct {
	deadLettersStream

	ID   uint64 `arg:"" name:"letter" help:"Which, as contrail dead-letters list shows it."`
	JSON bool   `name:"json" help:"Print one JSON line."`
}

// Help teaches.
func (*deadLettersShowVerb) Help() string {
	return `Shows one dead letter: why the event could not be handled, the errors that were behind it, where it panicked if it did, and what
the event is; what has become of it, and what to do. Of an event that is encrypted the data is shown as it is. It exits 1 when there is no
such letter.

Examples:

  contrail dead-letters show 17
  contrail dead-letters show 17 --json | jq -r .stack`
}

// Run shows.
func (v *deadLettersShowVerb) Run(ctx context.Context, a *app) error {
	if v.ID < 1 {
		return usagef("letter %d is given; they begin with 1", v.ID)
	}
	return v.withBroker(ctx, a, func(js jetstream.JetStream) error {
		letter, err := deadletters.Get(ctx, js, v.DeadLetters, v.ID)
		switch {
		case errors.Is(err, deadletters.ErrNotFound):
			return fmt.Errorf("there is no letter %d in %s; contrail dead-letters list shows which there are", v.ID, v.DeadLetters)
		case err != nil:
			return err
		case v.JSON:
			return a.printJSON(letter)
		}
		shown := shownLetter{letter}
		a.printPairs(shown.rows())
		if letter.Stack != "" {
			a.printf("\n%s\n", shown.stack())
		}
		a.printf("\n%s\n", shown.advice())
		if payload := shown.payload(); payload != "" {
			a.printf("\n%s\n", excerpt(payload))
		}
		return nil
	})
}

// shownLetter is a letter for a person's eyes: what comes from the broker does nothing to the terminal.
type shownLetter struct{ deadletters.Letter }

func (s shownLetter) rows() [][]string {
	rows := [][]string{
		{"letter", fmt.Sprintf("%d of %s", s.ID, printable(s.In))},
		{"state", s.state()},
	}
	add := func(name, text string) {
		if text != "" {
			rows = append(rows, []string{name, printable(text)})
		}
	}
	add("because", s.Decision.Because)
	add("consumer", orDash(s.Consumer))
	add("reason", string(s.Reason)+": "+deadletters.Meaning(s.Reason))
	add("error", orDash(s.Error))
	for n, wrapped := range s.ErrorChain {
		if n > 0 {
			add("  caused by", wrapped)
		}
	}
	if !s.Malformed() {
		add("deliveries", strconv.Itoa(s.Deliveries))
		add("failed", s.FailedAt.Format(time.RFC3339Nano))
		add("published", fmt.Sprintf("%s, as message %d of %s", s.PublishedAt.Format(time.RFC3339Nano), s.Sequence, s.Stream))
		add("subject", s.Subject)
	}
	add("message id", s.MsgID)
	if s.Replays > 0 {
		add("requeued", times(s.Replays))
		add("  from", s.CausationID)
	}
	if s.Event != nil {
		rows = append(rows, eventRows(*s.Event)...)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Header)) {
		for _, value := range s.Header[name] {
			add("header", name+": "+value)
		}
	}
	return rows
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return thousands(n) + " times"
}

func (s shownLetter) state() string {
	text := fmt.Sprintf("%s since %s", letterState(s.Letter), s.Since().Format(time.RFC3339))
	if s.Decision.By != "" {
		text += ", by " + printable(s.Decision.By)
	}
	return text
}

// stack keeps its lines.
func (s shownLetter) stack() string {
	lines := strings.Split(strings.TrimSpace(s.Stack), "\n")
	for n, line := range lines {
		lines[n] = printable(strings.ReplaceAll(line, "\t", "    "))
	}
	return strings.Join(lines, "\n")
}

// payload is the event's data, or the message if it is no event, as far as it is text.
func (s shownLetter) payload() string {
	switch {
	case s.Event != nil:
		return indented(*s.Event)
	case utf8.Valid(s.Data):
		return printable(string(s.Data))
	}
	return "a payload of " + plural(len(s.Data), "byte") + " that is no text; --json prints them in base64"
}
