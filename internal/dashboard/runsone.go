package dashboard

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers/steps"
)

// runView is one run and all that is known of it.
type runView struct {
	steps.Timeline

	Advice []string       `json:"advice"` // what a person may do
	Event  *eventRow      `json:"event"`  // that it was begun for; nil: none, as far as its metadata tell
	Args   jsonBody       `json:"-"`
	Answer *jsonBody      `json:"-"` // the result
	Kept   []keptValue    `json:"-"`
	Pairs  []metadataPair `json:"-"`
}

// keptValue is something that a step has kept.
type keptValue struct {
	Key  string
	Body jsonBody
}

const runEntries = 500 // of the log, the latest

// Title is what the page is about.
func (v *runView) Title() string { return "Run " + spelled(v.Key) }

func (d *Dashboard) readRun(ctx context.Context, r *request) (any, error) {
	key, err := d.runKey(ctx, r.path("run"))
	if err != nil {
		return nil, err
	}
	timeline, err := steps.Explain(ctx, d.pool, key, steps.Look{Entries: runEntries})
	if err != nil {
		return nil, errRun(err, r.path("run"))
	}
	view := &runView{Timeline: timeline, Advice: runAdvice(timeline), Args: newJSONBody(timeline.Args, false)}
	if timeline.Result != nil {
		body := newJSONBody(timeline.Result, false)
		view.Answer = &body
	}
	for _, name := range slices.Sorted(maps.Keys(timeline.Values)) {
		view.Kept = append(view.Kept, keptValue{name, newJSONBody(timeline.Values[name], false)})
	}
	for _, name := range slices.Sorted(maps.Keys(timeline.Metadata)) {
		view.Pairs = append(view.Pairs, metadataPair{name, timeline.Metadata[name]})
	}
	if id, err := uuid.Parse(timeline.Metadata[contrail.KeyCausationID]); err == nil {
		if view.Event, err = findEventRow(ctx, d.pool, id); err != nil {
			return nil, err
		}
	}
	return view, nil
}

// Mark says what has become of a step.
func (v *runView) Mark(name string) string {
	switch {
	case slices.Contains(v.Undone, name):
		return "undone"
	case name == v.StepName():
		return "here"
	case slices.Contains(v.Succeeded, name):
		return "succeeded"
	}
	return ""
}

// Ended tells whether a run that it waits for has.
func (v *runView) Ended(key string) bool { return !slices.Contains(v.Awaiting, key) }

// The decisions that make sense now.

// CanRetry tells whether it can go on at a person's wish.
func (v *runView) CanRetry() bool {
	return !v.Performing && (!v.Status.Ended() || v.Status == steps.Failed && len(v.Undone) == 0)
}

// CanCancel tells whether it can be ended, and undone.
func (v *runView) CanCancel() bool { return !v.Status.Ended() && v.EndsAs == "" }

// CanAbandon tells whether it can be ended with nothing more undone.
func (v *runView) CanAbandon() bool { return !v.Status.Ended() }

// runAdvice is what a person may do.
func runAdvice(t steps.Timeline) []string {
	end := "Or cancel it: it ends, and its steps are undone."
	if t.EndsAs != "" {
		end = "Or abandon it: it ends with nothing more undone."
	}
	switch {
	case t.Status == steps.Finished, t.Status == steps.Cancelled:
		return nil
	case t.Status == steps.Failed && len(t.Undone) > 0:
		return []string{"Begin another run with another key; or forget this one, and begin it again: contrail runs purge " + quotedKey(t.Key) + " --older-than 1s"}
	case t.Status == steps.Failed:
		return []string{"Do away with the cause, and retry it: it goes on at that step, if nothing of that is done."}
	case t.Status == steps.Halted:
		return []string{"Look into it, and retry it: then it goes on.", end}
	case t.Performing:
		return []string{strings.TrimPrefix(end, "Or ")}
	}
	return []string{"Retry it to have it go on now.", end}
}

// quotedKey is a key as a shell takes it.
func quotedKey(key string) string { return "'" + strings.ReplaceAll(spelled(key), "'", `'\''`) + "'" }
