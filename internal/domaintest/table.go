package domaintest

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain/rule"
)

// Table is a decider and the rows that say what it does: S its state, C its commands, E its events.
type Table[S, C, E any] struct {
	Decide   func(S, C) ([]E, error)
	Evolve   func(S, E) S
	Name     func(S) string // of the kind of state, such as "paid"
	States   []string       // all that Name gives
	Commands []C            // one of each type
	Rows     []Row[C, E]
}

// Row reads: given that these commands were accepted, when this one comes, then this event follows, or this rule is in the way.
type Row[C, E any] struct {
	Name  string
	Given []C
	When  C
	Then  E
	Rule  error  // found with errors.Is, or by the type and the exported fields of a struct
	Field string // the one field that breaks the rule; "": it is none on a field
}

// Run checks each row in a test of its own. The table is complete when each command stands in a row with each state, and each rule that is
// declared in the files of source has a row.
func (s Table[S, C, E]) Run(t *testing.T, source ...string) {
	t.Helper()
	for _, row := range s.Rows {
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			s.check(t, row)
		})
	}
	t.Run("every command in every state", func(t *testing.T) {
		t.Parallel()
		require.Empty(t, s.missingPairs(t))
	})
	t.Run("every rule", func(t *testing.T) {
		t.Parallel()
		RequireEvery(t, s.rules(), Declared(t, source...))
	})
}

// Given is the state that commands lead to, each of which must be accepted.
func (s Table[S, C, E]) Given(tb testing.TB, commands ...C) S {
	tb.Helper()
	var state S
	for _, command := range commands {
		events, err := s.Decide(state, command)
		require.NoError(tb, err)
		for _, event := range events {
			state = s.Evolve(state, event)
		}
	}
	return state
}

func (s Table[S, C, E]) check(t *testing.T, row Row[C, E]) {
	t.Helper()
	events, err := s.Decide(s.Given(t, row.Given...), row.When)
	if row.Rule == nil {
		require.NoError(t, err)
		require.Equal(t, []E{row.Then}, events)
		return
	}
	require.Empty(t, events)
	require.True(t, breaks(err, row.Rule), "%v breaks another rule than %v", err, row.Rule)
	require.Equal(t, row.Field, field(err))
	require.Equal(t, row.Field != "", errors.Is(err, rule.ErrInvalid), "what is given is invalid, all else refused")
}

// field is the only one with a fault.
func field(err error) string {
	faults, ok := errors.AsType[rule.FieldErrors](err)
	switch {
	case !ok:
		return ""
	case len(faults) > 1:
		return fmt.Sprintf("%d fields: %v", len(faults), faults)
	}
	return faults[0].Field
}

func (s Table[S, C, E]) missingPairs(t *testing.T) (missing []string) {
	t.Helper()
	found := map[string]bool{}
	for _, row := range s.Rows {
		found[s.pair(s.Name(s.Given(t, row.Given...)), row.When)] = true
	}
	for _, state := range s.States {
		for _, command := range s.Commands {
			if pair := s.pair(state, command); !found[pair] {
				missing = append(missing, pair)
			}
		}
	}
	return missing
}

func (Table[S, C, E]) pair(state string, command C) string {
	return fmt.Sprintf("given %s, when %s", state, reflect.TypeOf(command).Name())
}

func (s Table[S, C, E]) rules() (rules []error) {
	for _, row := range s.Rows {
		if row.Rule != nil {
			rules = append(rules, row.Rule)
		}
	}
	return rules
}
