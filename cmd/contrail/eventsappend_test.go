package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore/jsonl"
)

// Data that is too long is said to be so, and not to be cut off.
func TestAppendOfTooMuchInput(t *testing.T) {
	t.Parallel()
	verb := eventsAppendVerb{Stream: "a-1", Type: "A", Data: "-", Expected: "any", sizeFlag: sizeFlag{MaxEventBytes: 1000}}
	text := `"` + strings.Repeat("x", jsonl.DefaultMaxLineBytes-2) + `"`
	_, err := verb.todo(strings.NewReader(text))
	require.NoError(t, err)
	_, err = verb.todo(strings.NewReader(text + " "))
	require.ErrorContains(t, err, "the data on standard input is longer than 4194304 bytes")
	verb.MaxEventBytes = jsonl.DefaultMaxLineBytes
	_, err = verb.todo(strings.NewReader(text + " "))
	require.NoError(t, err)
}
