package main

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/steps"
)

// The flags take every state there is that they may mean.
func TestRunsFlagsKnowAll(t *testing.T) {
	t.Parallel()
	tag := func(of reflect.Type) []string {
		field, _ := of.FieldByName("State")
		return strings.Split(field.Tag.Get("enum"), ",")
	}
	var all, ended []string
	for _, status := range steps.Statuses() {
		all = append(all, string(status))
		if status.Ended() {
			ended = append(ended, string(status))
		}
	}
	require.Equal(t, all, tag(reflect.TypeFor[runsListVerb]()))
	require.Equal(t, ended, tag(reflect.TypeFor[runsPurgeVerb]()))
	for _, flag := range slices.Concat(tag(reflect.TypeFor[runsRetryVerb]()), tag(reflect.TypeFor[runsCancelVerb]())) {
		require.Contains(t, all, flag)
	}
}

func TestKeysAreQuoted(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"reminders/invoice-42": "reminders/invoice-42", "it's": `'it'\''s'`, "a b": "'a b'", "$x": "'$x'", "-x": "'-x'", "": "''", "a\x1bb": "'a\\u001bb'",
	} {
		require.Equal(t, want, quoted(key))
	}
}
