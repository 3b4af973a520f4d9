package wire

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/contrail-events/contrail"
)

// SequenceDigits is the width that a position is padded to in the attribute `sequence`, so that it sorts as text.
const SequenceDigits = 20

const timeFormat = "2006-01-02T15:04:05.000000Z07:00"

// Append writes event to dst as a CloudEvent in structured JSON mode. It trusts what the store has checked: ids, names and data that
// is JSON. The same event always gives the same bytes.
func Append(dst []byte, source string, event contrail.Recorded) []byte {
	dst = append(dst, `{"specversion":"1.0","id":"`...)
	dst = append(dst, event.ID.String()...)
	dst = append(dst, `","source":`...)
	dst = appendString(dst, source)
	dst = append(dst, `,"type":"`...)
	dst = append(dst, event.Type...)
	dst = append(dst, `","subject":`...)
	stream := len(dst)
	dst = appendString(dst, event.Stream.String())
	quoted := dst[stream:]
	dst = append(dst, `,"time":"`...)
	dst = event.RecordedAt.UTC().AppendFormat(dst, timeFormat)
	dst = append(dst, `","datacontenttype":"application/json","partitionkey":`...)
	dst = append(dst, quoted...)
	dst = append(dst, `,"sequence":"`...)
	dst = appendSequence(dst, event.Position)
	dst = append(dst, `","streamversion":`...)
	dst = strconv.AppendInt(dst, event.Version, 10)
	dst = appendMetadata(dst, event.Metadata)
	dst = append(dst, `,"data":`...)
	dst = append(dst, event.Data...)
	return append(dst, '}')
}

func appendMetadata(dst []byte, metadata contrail.Metadata) []byte {
	if len(metadata) == 0 {
		return dst
	}
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		dst = append(dst, ',', '"')
		dst = append(dst, contrail.Attribute(key)...)
		dst = append(dst, '"', ':')
		dst = appendString(dst, metadata[key])
	}
	return dst
}

func appendSequence(dst []byte, position contrail.Position) []byte {
	digits := strconv.FormatInt(int64(position), 10)
	for range SequenceDigits - len(digits) {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}

// appendString writes s as a JSON string; plain ASCII, which nearly all are, is copied.
func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c > 0x7E || c == '"' || c == '\\' {
			quoted, err := json.Marshal(s)
			if err != nil { // a string always marshals
				return append(dst, `""`...)
			}
			return append(dst, quoted...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

// parseTime reads the attribute `time`.
func parseTime(s string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, s)
	return at.UTC(), err
}
