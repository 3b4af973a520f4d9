package jsonl

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
)

// AppendLine appends an event to a buffer as a line of JSON, without a line break, and returns the extended buffer. What is zero is left out:
// an event that is not in a store yet has no position. It marshals nothing: Data must be JSON, and is changed only where it holds line breaks.
//
// An event whose data was decrypted, or erased, is written without the mark that names its key: as the plain event that it is then. To move
// encrypted events as they are, read them with a store that has no keys.
func AppendLine(to []byte, event contrail.Recorded) []byte {
	to = append(to, '{')
	if event.Position != 0 {
		to = append(to, `"position":`...)
		to = append(strconv.AppendInt(to, int64(event.Position), 10), ',')
	}
	if event.ID != uuid.Nil {
		to = append(to, `"id":"`...)
		text, _ := event.ID.MarshalText() // never fails
		to = append(append(to, text...), `",`...)
	}
	to = append(to, `"stream":`...)
	to = appendQuoted(to, event.Stream.String())
	if event.Version != 0 {
		to = append(to, `,"version":`...)
		to = strconv.AppendInt(to, event.Version, 10)
	}
	to = append(to, `,"type":`...)
	to = appendQuoted(to, event.Type)
	to = append(to, `,"data":`...)
	to = appendData(to, event.Data)
	to = append(to, `,"metadata":`...)
	to = appendMetadata(to, event)
	if !event.RecordedAt.IsZero() {
		to = append(to, `,"recorded_at":"`...)
		to = append(event.RecordedAt.UTC().AppendFormat(to, time.RFC3339Nano), '"')
	}
	return append(to, '}')
}

func appendData(to []byte, data json.RawMessage) []byte {
	if len(data) == 0 {
		return append(to, "null"...)
	}
	if bytes.ContainsAny(data, "\r\n") {
		var oneLine bytes.Buffer
		if json.Compact(&oneLine, data) == nil {
			data = oneLine.Bytes()
		}
	}
	return append(to, data...)
}

// appendMetadata writes the keys in alphabetical order, so that equal events are equal lines.
func appendMetadata(to []byte, event contrail.Recorded) []byte {
	to = append(to, '{')
	first := true
	for _, key := range slices.Sorted(maps.Keys(event.Metadata)) {
		if key == contrail.KeySealedWith && !event.Sealed {
			continue
		}
		if !first {
			to = append(to, ',')
		}
		first = false
		to = appendQuoted(to, key)
		to = append(to, ':')
		to = appendQuoted(to, event.Metadata[key])
	}
	return append(to, '}')
}
