package jsonl_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore/jsonl"
	"github.com/contrail-events/contrail/internal/pgtest"
)

const (
	benchRows    = 200_000
	benchStreams = 20_000
)

// benchInput is the same rows twice: as lines, and as one COPY has them, ready to be sent.
func benchInput(tb testing.TB) (lines, rows []byte) {
	tb.Helper()
	at := time.Date(2026, 11, 21, 20, 15, 4, 123456000, time.UTC)
	rows = []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	field := func(value []byte) {
		rows = append(binary.BigEndian.AppendUint32(rows, uint32(len(value))), value...)
	}
	number := func(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }
	for n := range benchRows {
		event := contrail.Recorded{
			Position: contrail.Position(n + 1), ID: uuid.Must(uuid.NewV7()), Version: int64(n/benchStreams) + 1, Type: "InvoiceIssued",
			Stream:   contrail.NewStreamID("invoice", fmt.Sprintf("%08x-7c3e-7c4e-9a30-0f3f2f4b5a6c", n%benchStreams*2654435761)),
			Metadata: contrail.Metadata{"correlation_id": fmt.Sprintf("request-%d", n), "tenant_id": "tenant-1"}, RecordedAt: at,
		}
		event.Data = []byte(`{"amount":"2.50","quantity":2,"note":"` + strings.Repeat("tea ", 114) + `","paid":true}`)
		event.Data = append(event.Data, bytes.Repeat([]byte(" "), 512-len(event.Data))...)
		lines = append(jsonl.AppendLine(lines, event), '\n')
		rows = binary.BigEndian.AppendUint16(rows, 7)
		field(event.ID[:])
		field([]byte(event.Stream.String()))
		field([]byte(event.Type))
		field(append([]byte{1}, event.Data...))
		field(fmt.Appendf([]byte{1}, `{"correlation_id":%q,"tenant_id":"tenant-1"}`, event.Metadata["correlation_id"]))
		field(number(event.Version))
		field(number(at.UnixMicro() - 946_684_800_000_000))
	}
	return lines, append(rows, 0xff, 0xff)
}

// BenchmarkImport compares with a bare COPY of the same rows from memory, in PostgreSQL's own binary form, each into an empty store.
func BenchmarkImport(b *testing.B) {
	lines, rows := benchInput(b)
	var bare, imported time.Duration
	for n := 0; b.Loop(); n++ {
		for _, which := range []int{n % 2, (n + 1) % 2} { // by turns the first
			b.StopTimer()
			pool := pgtest.New(b)
			conn, err := pool.Acquire(b.Context())
			require.NoError(b, err)
			b.StartTimer()
			began := time.Now()
			if which == 0 {
				_, err = conn.Conn().PgConn().CopyFrom(b.Context(), bytes.NewReader(rows),
					`COPY contrail.events (id, stream, type, data, metadata, version, recorded_at) FROM STDIN (FORMAT binary)`)
				bare += time.Since(began)
			} else {
				_, err = jsonl.Import(b.Context(), conn, bytes.NewReader(lines), jsonl.Config{})
				imported += time.Since(began)
			}
			require.NoError(b, err)
			conn.Release()
		}
	}
	perSecond := func(took time.Duration) float64 { return float64(b.N) * benchRows / took.Seconds() }
	b.ReportMetric(perSecond(bare), "copied/s")
	b.ReportMetric(perSecond(imported), "imported/s")
	b.ReportMetric(bare.Seconds()/imported.Seconds(), "ratio")
	b.ReportMetric(0, "ns/op")
}
