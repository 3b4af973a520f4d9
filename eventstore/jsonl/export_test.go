package jsonl_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore/jsonl"
)

// endless yields events until err, after so many.
func endless(n int, err error) iter.Seq2[contrail.Recorded, error] {
	return func(yield func(contrail.Recorded, error) bool) {
		for i := range n {
			event := contrail.Recorded{Position: contrail.Position(i + 1), Stream: contrail.NewStreamID("a", "1"), Version: int64(i + 1), Type: "A"}
			if !yield(event, nil) {
				return
			}
		}
		if err != nil {
			yield(contrail.Recorded{}, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestExportThatFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	var text bytes.Buffer
	n, err := jsonl.Export(t.Context(), &text, endless(7, broken), nil)
	require.ErrorIs(t, err, broken)
	require.EqualError(t, err, "export after 7 events: broken")
	require.EqualValues(t, 7, n)
	require.Equal(t, 7, bytes.Count(text.Bytes(), []byte("\n")), "what was read is written")

	n, err = jsonl.Export(t.Context(), failing{broken}, endless(1_000_000_000, nil), nil)
	require.ErrorIs(t, err, broken)
	require.Zero(t, n)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n, err = jsonl.Export(ctx, &text, endless(1_000_000_000, nil), nil)
	require.ErrorIs(t, err, context.Canceled)
	require.Positive(t, n)
}

func TestExportTellsItsProgress(t *testing.T) {
	t.Parallel()
	var told []int64
	n, err := jsonl.Export(t.Context(), &bytes.Buffer{}, endless(2500, nil), func(events int64) { told = append(told, events) })
	require.NoError(t, err)
	require.EqualValues(t, 2500, n)
	require.Equal(t, []int64{1000, 2000, 2500}, told)
}

func TestAppendLine(t *testing.T) {
	t.Parallel()
	event := contrail.Recorded{
		Position: 7, ID: uuid.MustParse("01940000-0000-7000-8000-000000000001"), Stream: contrail.NewStreamID("a", `"\é`), Version: 3, Type: "A",
		Data: json.RawMessage("{\r\n  \"x\": [1, 2]\n}"), Metadata: contrail.Metadata{"b": "\n\x01", "a": "\xff"},
		RecordedAt: time.Date(2026, 11, 21, 21, 15, 4, 120000000, time.FixedZone("", 3600)),
	}
	const want = `{"position":7,"id":"01940000-0000-7000-8000-000000000001","stream":"a-\"\\é","version":3,"type":"A",` +
		`"data":{"x":[1,2]},"metadata":{"a":"` + "\ufffd" + `","b":"\n\u0001"},"recorded_at":"2026-11-21T20:15:04.12Z"}`
	require.Equal(t, []string{want}, []string{string(jsonl.AppendLine(nil, event))}, "byte for byte")

	// What was decrypted, or erased, is no longer what the key's name says; what is still encrypted is.
	event = contrail.Recorded{Stream: contrail.NewStreamID("a", "1"), Type: "A", Metadata: contrail.Metadata{contrail.KeySealedWith: "k"}}
	opened := jsonl.AppendLine(nil, event)
	event.Erased = true
	erased := jsonl.AppendLine(nil, event)
	event.Erased, event.Sealed = false, true
	sealed := jsonl.AppendLine(nil, event)
	require.Equal(t, []string{
		`{"stream":"a-1","type":"A","data":null,"metadata":{}}`,
		`{"stream":"a-1","type":"A","data":null,"metadata":{}}`,
		`{"stream":"a-1","type":"A","data":null,"metadata":{"key_id":"k"}}`,
	}, []string{string(opened), string(erased), string(sealed)})
	again, err := jsonl.Parse(sealed)
	require.NoError(t, err)
	require.True(t, again.Sealed)
}
