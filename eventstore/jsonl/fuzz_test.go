package jsonl_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore/jsonl"
)

// What is read is JSON, is valid, and is the same once it was written and read again.
func FuzzLine(f *testing.F) {
	for _, seed := range []string{
		`{"position":7,"id":"01940000-0000-7000-8000-000000000001","stream":"a-1","version":3,"type":"A","data":{"x":[1,-2.5e+3,"\u00e9\ud83d\ude00\n",true,null]},` +
			`"metadata":{"tenant_id":"t\"\\"},"recorded_at":"2026-11-21T20:15:04.123456Z"}`,
		` { "stream" : "a-\"" , "type" : "A" , "data" : "` + "\u2028é" + `" , "id" : null } `,
		`{"stream":"a-1","type":"A","data":"\u0000"}`, `{"stream":"a-1","type":"A","data":"\ud800\u0041"}`, `{"stream":"a-1","type":"A","data":1e5,"metadata":{}}`,
		`{"stream":"a-1","type":"A","data":[[[[`, "\xff", `{"\u0064ata":1,"stream":"a-1","type":"A"}`, `{"key_id":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		event, err := jsonl.Parse(text)
		if err != nil {
			require.ErrorIs(t, err, contrail.ErrInvalid)
			require.NotEmpty(t, err.Error())
			return
		}
		require.True(t, json.Valid(text))
		require.True(t, json.Valid(event.Data))
		require.NoError(t, event.Stream.Validate())
		require.NoError(t, contrail.Event{Type: event.Type, Metadata: event.Metadata}.Validate())
		var said struct{ Metadata contrail.Metadata }
		require.NoError(t, json.Unmarshal(text, &said))
		for key, value := range event.Metadata {
			require.Equal(t, said.Metadata[key], value)
		}

		written := jsonl.AppendLine(nil, event)
		require.NotContains(t, string(written), "\n")
		again, err := jsonl.Parse(written)
		require.NoError(t, err)
		var compact, compactAgain bytes.Buffer
		require.NoError(t, json.Compact(&compact, event.Data))
		require.NoError(t, json.Compact(&compactAgain, again.Data))
		require.Equal(t, compact.String(), compactAgain.String())
		again.Data = event.Data
		require.Equal(t, event, again)
		require.Equal(t, string(written), string(jsonl.AppendLine(nil, again)), "compact already")
	})
}
