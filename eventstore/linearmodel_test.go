package eventstore_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
)

// A stream, as the linearizability checker sees it, is the text of its events' ids one behind the other, each of idWidth bytes.
const idWidth = 36

// call is what a client asked of a stream: an append of events with these ids, or, without any, a load.
type call struct {
	stream   contrail.StreamID
	expected eventstore.ExpectedVersion
	ids      []string
}

// answer is what the client was told. The zero answer to an append is none at all: its connection was lost while it committed.
type answer struct {
	told     bool
	version  int64  // of the first event appended; 0 when the append was refused
	conflict bool   // refused, the stream being at version actual
	actual   int64  // -1 when the store could not tell
	loaded   string // what a load returned
}

// linearStream is a stream that does one thing after another. A history is linearizable if each answer can be explained by some moment between
// the call and the return at which the whole of it happened.
func linearStream() porcupine.Model {
	return porcupine.Model{
		Partition: byStream,
		Init:      func() any { return "" },
		Step: func(state, input, output any) (bool, any) {
			ids, _ := state.(string)
			asked, _ := input.(call)
			got, _ := output.(answer)
			if len(asked.ids) == 0 {
				return got.loaded == ids, ids
			}
			return stepAppend(ids, asked, got)
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%v -> %+v", input, output) },
	}
}

func stepAppend(ids string, asked call, got answer) (legal bool, after string) {
	actual := int64(len(ids) / idWidth)
	version, after := actual+1, ids+strings.Join(asked.ids, "")
	standing := strings.Index(ids, strings.Join(asked.ids, ""))
	switch {
	case standing >= 0: // a repetition
		version, after = int64(standing/idWidth)+1, ids
	case !fits(asked.expected, actual):
		version, after = 0, ids
	}
	switch {
	case !got.told: // it may have taken effect by now, or later, which is as good as never
		return true, after
	case version == 0:
		return got.conflict && (got.actual == actual || got.actual == -1), ids
	}
	return !got.conflict && got.version == version, after
}

func fits(expected eventstore.ExpectedVersion, actual int64) bool {
	return expected == eventstore.Any || expected == eventstore.StreamExists && actual > 0 || int64(expected) == actual
}

// byStream splits a history: one stream has nothing to do with another.
func byStream(history []porcupine.Operation) (parts [][]porcupine.Operation) {
	var streams []contrail.StreamID
	for _, operation := range history {
		asked, _ := operation.Input.(call)
		at := slices.Index(streams, asked.stream)
		if at < 0 {
			at = len(streams)
			streams, parts = append(streams, asked.stream), append(parts, nil)
		}
		parts[at] = append(parts[at], operation)
	}
	return parts
}
