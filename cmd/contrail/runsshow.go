package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/subscribers/steps"
)

// runsShowVerb shows one run.
type runsShowVerb struct {
	Key     string `arg:"" name:"run" help:"Which, by its key, as contrail runs list shows it."`
	Tenant  string `placeholder:"ID" help:"Only if it is a run of this tenant."`
	Entries int    `default:"100" help:"Entries of its log, the latest."`
	JSON    bool   `name:"json" help:"Print one JSON line."`
}

// Help teaches.
func (*runsShowVerb) Help() string {
	return `Shows one run of steps: how it stands, and why; what it was begun with; which of its steps have succeeded, and what they have kept; what has become
of it, entry by entry; and what to do. It exits 1 when there is no such run.

Examples:

  contrail runs show reminders/invoice-42
  contrail runs show reminders/invoice-42 --json | jq -r .why`
}

// Run shows.
func (v *runsShowVerb) Run(ctx context.Context, a *app) error {
	if err := atLeast("--entries", v.Entries, 1); err != nil {
		return err
	}
	return a.withRuns(ctx, func(pool *pgxpool.Pool) error {
		timeline, err := steps.Explain(ctx, pool, v.Key, steps.Look{Tenant: v.Tenant, Entries: v.Entries})
		switch {
		case err != nil:
			return errNoRun(v.Key, err)
		case v.JSON:
			return a.printJSON(timeline)
		}
		shown := shownRun{timeline}
		a.printPairs(shown.rows())
		a.printf("\n%s\n", strings.Join(shown.advice(), "\n"))
		if entries := shown.log(); len(entries) > 0 {
			a.printf("\n")
			a.printTable(entries)
		}
		return nil
	})
}

// shownRun is a run for a person's eyes: what steps have written does nothing to the terminal.
type shownRun struct{ steps.Timeline }

func (s shownRun) rows() [][]string {
	rows := [][]string{{"run", printable(s.Key)}, {"state", runState(s.Record)}}
	add := func(name, text string) {
		if text != "" {
			rows = append(rows, []string{name, printable(text)})
		}
	}
	moment := func(name string, at *time.Time) {
		if at != nil {
			add(name, at.Format(time.RFC3339))
		}
	}
	add("workflow", s.Workflow)
	add("tenant", s.Tenant)
	for n, name := range s.Steps {
		head := ""
		if n == 0 {
			head = "steps"
		}
		rows = append(rows, []string{head, printable(name) + s.mark(name)})
	}
	add("reason", s.Reason)
	add("error", s.Error)
	moment("due", s.DueAt)
	for _, key := range s.Awaits {
		add("waits for", key+s.ended(key))
	}
	if s.LockedUntil != nil {
		add("performed by", fmt.Sprintf("%s, lease until %s", s.LockedBy, s.LockedUntil.Format(time.RFC3339)))
	}
	moment("began", &s.BeganAt)
	moment("changed", &s.ChangedAt)
	moment("ended", s.EndedAt)
	add("id", s.ID.String())
	add("args", oneLine(s.Args))
	for _, key := range slices.Sorted(maps.Keys(s.Metadata)) {
		add("  "+key, s.Metadata[key])
	}
	for _, key := range slices.Sorted(maps.Keys(s.Values)) {
		add("value "+key, oneLine(s.Values[key]))
	}
	add("result", oneLine(s.Result))
	return rows
}

// mark says what has become of a step.
func (s shownRun) mark(name string) string {
	switch {
	case slices.Contains(s.Undone, name):
		return ": undone"
	case name == s.StepName() && s.Elements != nil:
		return fmt.Sprintf(": here, %s of %s elements are done", thousands(s.Round), thousands(*s.Elements))
	case name == s.StepName() && s.Round > 0:
		return ": here, in round " + thousands(s.Round)
	case name == s.StepName():
		return ": here"
	case slices.Contains(s.Succeeded, name):
		return ": succeeded"
	}
	return ""
}

func (s shownRun) ended(key string) string {
	if slices.Contains(s.Awaiting, key) {
		return ""
	}
	return ", which has ended"
}

func (s shownRun) log() [][]string {
	if len(s.Log) == 0 {
		return nil
	}
	rows := [][]string{{"at", "step", "what", "by", "detail"}}
	for _, entry := range s.Log {
		rows = append(rows, []string{
			entry.At.Format(time.RFC3339), orDash(printable(entry.Step)), printable(entry.What), orDash(printable(entry.By)), printable(entry.Detail),
		})
	}
	if s.Omitted > 0 {
		rows = append(rows, []string{"(" + thousands(s.Omitted) + " earlier " + agree(s.Omitted, "entry", "entries") + ": --entries)"})
	}
	return rows
}

// oneLine is JSON as far as a line shows it.
func oneLine(data json.RawMessage) string {
	var compact bytes.Buffer
	if json.Compact(&compact, data) != nil {
		return string(data)
	}
	return excerpt(compact.String())
}
