package steps

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"strconv"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/jsonb"
)

// State is what a step sees of its run, and what it leaves to later ones. It is valid for as long as the step's function runs, in its goroutine.
type State struct {
	run    *run
	step   string
	undone bool                       // it is being undone
	kept   map[string]json.RawMessage // what committed steps have set
	set    map[string]json.RawMessage // what this one has
	result json.RawMessage            // likewise; nil: nothing
}

// RunID identifies the run.
func (s *State) RunID() uuid.UUID { return s.run.id }

// RunKey is the key that the run was begun with.
func (s *State) RunKey() string { return s.run.key }

// Step is the step's name.
func (s *State) Step() string { return s.step }

// Key is an idempotency key for the other side of a [Call]: the same each time that this step of this run is performed with this
// [State.Round], in whatever process, and another one for its Undo. It is ASCII without blanks: the run's id, the step's name as in the path of a URL, the round if it is not 0.
func (s *State) Key() string {
	key := s.run.id.String() + "/" + url.PathEscape(s.step)
	if s.run.round > 0 {
		key += "/" + strconv.FormatInt(s.run.round, 10)
	}
	if s.undone {
		key += "/undo"
	}
	return key
}

// Round counts how often this step was committed without being over: 0 at first, one more with each [Repeat], [Wait] and [Halt]. In
// [ForEach] it is the element's index. In an Undo it is what the step came to if it has not succeeded, and 0 if it has.
func (s *State) Round() int64 { return s.run.round }

// Attempt numbers the tries of this step and round from 1, as far as they are known: those that failed, and those whose process died.
func (s *State) Attempt() int { return s.run.failures + 1 }

// Retrying tells that this step and round was begun before: it failed, its process was stopped, or died. What it did in its transaction is undone, what it
// did elsewhere may have taken effect.
func (s *State) Retrying() bool { return s.run.retrying }

// Set keeps a value for this step and later ones, under a key: anything that marshals to JSON that a jsonb can hold, also null, zero and false.
// It is kept with the step's transaction, or not at all.
func (s *State) Set(key string, value any) error {
	if problem := unfit(key, maxKey); problem != "" {
		return contrail.Permanent(fmt.Errorf("set a value: the key %q %s", shortened(key), problem))
	}
	data, err := marshal(value)
	if err != nil {
		return contrail.Permanent(fmt.Errorf("set value %q: %w", key, err))
	}
	if s.set == nil {
		s.set = make(map[string]json.RawMessage)
	}
	s.set[key] = data
	return nil
}

// Get returns the value that a step of the run has set under a key, and whether one has: null is a value, too. The error is about a value that
// is no T.
func Get[T any](run *State, key string) (value T, found bool, err error) {
	data, found := run.set[key]
	if !found {
		data, found = run.kept[key]
	}
	if !found {
		return value, false, nil
	}
	if err := json.Unmarshal(data, &value); err != nil {
		return value, true, contrail.Permanent(fmt.Errorf("get value %q: %w", key, err))
	}
	return value, true, nil
}

// Args returns what the run was begun with.
func Args[T any](run *State) (args T, err error) {
	if err := json.Unmarshal(run.run.args, &args); err != nil {
		return args, contrail.Permanent(fmt.Errorf("read the run's args: %w", err))
	}
	return args, nil
}

// Return keeps value, which must marshal to JSON, as the result of the run when it finishes, in place of one that an earlier step has returned. It
// does not end the run: `return run.Return(value)` ends the step.
func (s *State) Return(value any) error {
	data, err := marshal(value)
	if err != nil {
		return contrail.Permanent(fmt.Errorf("return a result: %w", err))
	}
	s.result = data
	return nil
}

// begin makes the state that of another step.
func (s *State) begin(step string, undone bool) {
	s.step, s.undone = step, undone
	s.clear()
}

// pending is what a step has set so far, and wants returned.
type pending struct {
	set    map[string]json.RawMessage
	result json.RawMessage
}

func (s *State) pending() pending { return pending{s.set, s.result} }

// clear forgets what is pending, for another try.
func (s *State) clear() { s.restore(pending{}) }

func (s *State) restore(p pending) { s.set, s.result = maps.Clone(p.set), p.result }

// keep makes what the step has set what committed steps have set.
func (s *State) keep() {
	if len(s.set) > 0 && s.kept == nil {
		s.kept = make(map[string]json.RawMessage, len(s.set))
	}
	maps.Copy(s.kept, s.set)
	s.set, s.result = nil, nil
}

// marshal makes JSON that a jsonb can hold.
func marshal(value any) (json.RawMessage, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, err //nolint:wrapcheck // the callers do
	}
	if problem := jsonb.Unfit(data); problem != "" {
		return nil, fmt.Errorf("it %s", problem)
	}
	return data, nil
}
