package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/contrail-events/contrail/internal/picture"
	"github.com/contrail-events/contrail/publisher/control"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// sections are those that have something to tell.
func (s statusPage) sections() []section {
	all := []section{{head: pairLines(slices.Concat(s.serverRows(), s.storeRows(), s.rateRows(), s.waitingRows(), s.unknownRows()))}}
	for _, one := range []section{s.consumers(), s.projections(), s.problems()} {
		if len(one.list) > 0 {
			one.head = append([]string{""}, one.head...)
			all = append(all, one)
		}
	}
	return all
}

func (s statusPage) serverRows() [][]string {
	return [][]string{{"servers", serverText("PostgreSQL", s.picture.Postgres) + "; " + serverText("NATS", s.picture.NATS)}}
}

func serverText(name string, server picture.Server) string {
	if !server.Up {
		return name + " can't be used"
	}
	version, _, _ := strings.Cut(server.Version, " ") // PostgreSQL's goes on with the packager's
	return fmt.Sprintf("%s %s, answers in %s", name, version, orUnknown(server.RoundTrip))
}

// rateRows are what happens a second, and how long it takes.
func (s statusPage) rateRows() (rows [][]string) {
	var rates []string
	for _, rate := range []struct {
		name  string
		value *float64
	}{{"appended", s.rates.Appended}, {"published", s.rates.Published}} {
		if rate.value != nil {
			rates = append(rates, strconv.FormatFloat(*rate.value, 'f', 1, 64)+" "+rate.name)
		}
	}
	if len(rates) > 0 {
		rows = append(rows, []string{"a second", strings.Join(rates, ", ")})
	}
	if took := s.picture.Latency.Publish; took != nil {
		rows = append(rows, []string{"latency", fmt.Sprintf("from appended to published: %s (half), %s (9 of 10), %s (99 of 100), %s (all)",
			orUnknown(took.P50), orUnknown(took.P90), orUnknown(took.P99), orUnknown(took.Max))})
	}
	return rows
}

// relaysText counts the relays of the stream by what they do.
func (s statusPage) relaysText() string {
	counts := map[string]int{}
	for _, relay := range s.picture.Relays {
		state := string(relay.State)
		switch {
		case relay.Stream != s.stream():
			continue
		case relay.Gone:
			state = "gone"
		case relay.State == control.Standby:
			state = "standing by"
		}
		counts[state]++
	}
	var parts []string
	for _, state := range []string{"leading", "standing by", "paused", "stopping", "gone"} {
		if counts[state] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[state], state))
		}
	}
	return strings.Join(parts, ", ")
}

// waitingRows are what waits for a person elsewhere than in the store.
func (s statusPage) waitingRows() [][]string {
	var parts []string
	add := func(n int64, more bool, one, many string) {
		if n > 0 {
			number := thousands(n)
			if more {
				number += "+"
			}
			parts = append(parts, number+" "+agree(n, one, many))
		}
	}
	var letters int64
	for _, one := range s.picture.DeadLetters {
		letters += one
	}
	add(letters, false, "dead letter", "dead letters")
	held, halted := picture.Count{}, picture.Count{}
	for _, one := range s.picture.Deliveries {
		held = picture.Count{N: held.N + one.Held.N, AtLeast: held.AtLeast || one.Held.AtLeast}
	}
	for _, one := range s.picture.Runs {
		of := one.States["halted"]
		halted = picture.Count{N: halted.N + of.N, AtLeast: halted.AtLeast || of.AtLeast}
	}
	add(held.N, held.AtLeast, "held delivery", "held deliveries")
	add(halted.N, halted.AtLeast, "halted run", "halted runs")
	if s.picture.Webhooks != nil {
		add(s.picture.Webhooks.Disabled, false, "disabled endpoint", "disabled endpoints")
	}
	if len(parts) == 0 {
		return nil
	}
	return [][]string{{"for you", strings.Join(parts, ", ")}}
}

// unknownRows are about what could not be read, but for servers, which are told of elsewhere.
func (s statusPage) unknownRows() [][]string {
	var parts []string
	for _, one := range s.picture.Unknown {
		if one.What != "PostgreSQL" && one.What != "NATS" {
			parts = append(parts, one.What+" ("+one.Error+")")
		}
	}
	if len(parts) == 0 {
		return nil
	}
	return [][]string{{"not read", strings.Join(parts, ", ")}}
}

func (s statusPage) consumers() section {
	rows := [][]string{{"consumer", "lag", "in hand", "redelivered", "dead letters", "events/s", "state"}}
	for _, one := range s.picture.Subscriptions {
		handled := "-"
		if rate, ok := s.rates.Handled[one.Durable]; ok {
			handled = strconv.FormatFloat(rate, 'f', 1, 64)
		}
		rows = append(rows, []string{
			one.Durable, thousands(one.Lag), thousands(one.InHand), thousands(one.Redelivered), thousands(one.DeadLetters), handled, consumerState(one),
		})
	}
	return s.listed(rows, "contrail subscriptions list", 1, 2, 3, 4, 5) //nolint:mnd // columns of numbers
}

func consumerState(one subscriptions.Subscription) string {
	switch {
	case one.PausedUntil != nil:
		return "paused until " + one.PausedUntil.UTC().Format(time.RFC3339)
	case one.Waiting > 0 || one.InHand > 0:
		return "running"
	}
	return "nobody asks"
}

func (s statusPage) projections() section {
	rows := [][]string{{"projection", "lag", "position", "state"}}
	for _, one := range s.picture.Projections {
		lag, state := "?", "running"
		if one.Lag != nil {
			lag = thousands(*one.Lag)
		}
		switch {
		case one.PausedAt != nil:
			state = "paused"
		case one.Active == nil:
			state = "nobody runs it"
		}
		if one.Rebuild != nil && !one.Rebuild.Over() {
			state += ", being rebuilt"
		}
		rows = append(rows, []string{one.Name, lag, thousands(one.Position), state})
	}
	return s.listed(rows, "contrail projections list", 1, 2) //nolint:mnd // likewise
}

// listed is a section of a table.
func (s statusPage) listed(rows [][]string, most string, right ...int) section {
	if len(rows) == 1 {
		return section{}
	}
	lines := s.table(rows, right...)
	listed := section{head: lines[:1], most: most}
	for _, line := range lines[1:] {
		listed.list = append(listed.list, []string{line})
	}
	return listed
}

// problems are what is wrong and what to do, the worst first, in as many lines as that takes.
func (s statusPage) problems() section {
	problems := section{most: "contrail status | cat shows them all"}
	for _, one := range s.picture.Problems {
		colour, word := yellow, string(one.Severity)
		if one.Severity == picture.Danger {
			colour = red
		}
		text := printable(one.What) + ": " + printable(one.Do)
		lines := []string{text}
		if s.width > 0 {
			lines = wrapped(text, max(s.width-len(word)-len(": "), leastPairs))
		}
		for n, line := range lines {
			if n == 0 {
				lines[n] = s.app.paint(colour, word) + ": " + line
			} else {
				lines[n] = strings.Repeat(" ", len(word)+len(": ")) + line
			}
		}
		problems.list = append(problems.list, lines)
	}
	return problems
}
