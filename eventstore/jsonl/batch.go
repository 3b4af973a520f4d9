package jsonl

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
)

// copySQL names the columns as batch.add writes them. Those that only the database knows come last.
const copySQL = `COPY contrail.events (id, stream, type, data, metadata, version, recorded_at) FROM STDIN (FORMAT binary)`

const (
	copySignature = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00" // no flags, no extension
	copyTrailer   = "\xff\xff"
	jsonbVersion  = 1
	rowTail       = 2 * (4 + 8) // version and recorded_at, each behind its length
)

// batch is what one COPY sends: rows in PostgreSQL's binary format, ready but for what the database has to say of them.
type batch struct {
	rows    []row
	copy    []byte           // what is sent
	streams []string         // each once
	index   map[string]int32 // of a stream in streams

	lines, bytes int64  // of the input, when the batch was full
	digest       []byte // of the input up to there
	err          error  // why no batch follows; io.EOF: the input is at its end
}

// row is what has to be known of an event that stands in a batch.
type row struct {
	line    int64 // where it stands in the input
	end     int   // where it ends in copy
	stream  int32
	id      uuid.UUID
	version int64 // zero: the next one
	timed   bool  // it has a time of its own
}

func newBatch() *batch {
	return &batch{index: map[string]int32{}}
}

func (b *batch) reset() {
	clear(b.index)
	b.rows, b.streams = b.rows[:0], b.streams[:0]
	b.copy, b.err = append(b.copy[:0], copySignature...), nil
}

// add writes one row. An event without an id gets one.
func (b *batch) add(event line, number int64) error {
	if event.ID == uuid.Nil {
		id, err := uuid.NewV7()
		if err != nil {
			return fmt.Errorf("make an id: %w", err)
		}
		event.ID = id
	}
	stream := event.Stream.String()
	nth, known := b.index[stream]
	if !known {
		nth = int32(len(b.streams)) //nolint:gosec // a batch has fewer
		b.index[stream] = nth
		b.streams = append(b.streams, stream)
	}
	metadata := event.metadata
	if metadata == nil {
		metadata = []byte("{}")
	}
	to := binary.BigEndian.AppendUint16(b.copy, 7)
	to = appendField(to, event.ID[:])
	to = appendField(to, []byte(stream))
	to = appendField(to, []byte(event.Type))
	to = appendJSONB(to, event.Data)
	to = appendJSONB(to, metadata)
	to = append(to, make([]byte, rowTail)...)
	b.copy = to
	row := row{line: number, end: len(to), stream: nth, id: event.ID, version: event.Version, timed: !event.RecordedAt.IsZero()}
	b.rows = append(b.rows, row)
	b.putTime(row, event.RecordedAt)
	return nil
}

func appendField(to, value []byte) []byte {
	to = binary.BigEndian.AppendUint32(to, uint32(len(value))) //nolint:gosec // a line has fewer
	return append(to, value...)
}

func appendJSONB(to, value []byte) []byte {
	to = binary.BigEndian.AppendUint32(to, uint32(len(value)+1)) //nolint:gosec // a line has fewer
	return append(append(to, jsonbVersion), value...)
}

// putVersion and putTime fill in what stands at the end of a row.
func (b *batch) putVersion(r row, version int64) {
	tail := b.copy[r.end-rowTail:]
	binary.BigEndian.PutUint32(tail, 8)
	binary.BigEndian.PutUint64(tail[4:], uint64(version)) //nolint:gosec // the bits are the same
}

func (b *batch) putTime(r row, at time.Time) {
	const epoch = 946_684_800_000_000 // 2000-01-01, from which PostgreSQL counts
	tail := b.copy[r.end-rowTail/2:]
	binary.BigEndian.PutUint32(tail, 8)
	binary.BigEndian.PutUint64(tail[4:], uint64(at.UnixMicro()-epoch)) //nolint:gosec // likewise
}

// version is what putVersion has put in.
func (b *batch) version(r row) int64 {
	return int64(binary.BigEndian.Uint64(b.copy[r.end-rowTail+4:])) //nolint:gosec // likewise
}

// end completes what is sent.
func (b *batch) end() { b.copy = append(b.copy, copyTrailer...) }

// full tells whether the batch takes no more events.
func (b *batch) full(events int) bool { return len(b.rows) >= events || len(b.copy) >= batchBytes }

// streamOf parses again what was valid.
func (b *batch) streamOf(r row) contrail.StreamID {
	stream, _ := contrail.ParseStreamID(b.streams[r.stream])
	return stream
}
