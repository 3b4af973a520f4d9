package jsonl_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/erasure"
	"github.com/contrail-events/contrail/eventstore/jsonl"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// What is exported and imported is the same events, and stands in the same order.
func TestExportAndImport(t *testing.T) {
	t.Parallel()
	from, to := pgtest.New(t), pgtest.New(t)
	store, err := eventstore.New(eventstore.Config{})
	require.NoError(t, err)
	require.NoError(t, pgx.BeginFunc(t.Context(), from, func(tx pgx.Tx) error {
		for n, stream := range []contrail.StreamID{contrail.NewStreamID("a", `1"\é`), contrail.NewStreamID("b", "2"), contrail.NewStreamID("a", `1"\é`)} {
			_, err := store.Append(t.Context(), tx, stream, eventstore.Any, contrail.Event{
				Type: "Happened", Data: map[string]any{"n": n, "text": "<\u2028é\t\"\\\x1f\U0001F600>", "big": 1e30}, Metadata: contrail.Metadata{"user_id": "é\"\n"},
			})
			if err != nil {
				return err
			}
		}
		return nil
	}))
	var text bytes.Buffer
	n, err := jsonl.Export(t.Context(), &text, store.Read(t.Context(), from, eventstore.Query{}), nil)
	require.NoError(t, err)
	require.EqualValues(t, 3, n)
	result, err := importText(t, to, text.String(), jsonl.Config{})
	require.NoError(t, err)
	require.Equal(t, jsonl.Result{Events: 3, Lines: 3, Bytes: int64(text.Len())}, result)
	require.Equal(t, stored(t, from), stored(t, to))
}

func TestImportFillsInWhatIsNotGiven(t *testing.T) {
	t.Parallel()
	pool := seeded(t, "a-1")
	const id = "01940000-0000-7000-8000-000000000001"
	result, err := importText(t, pool, "\ufeff"+`{"stream":"a-1","type":"A","data":1}`+"\r\n\r\n   \n"+
		`{"stream":"b-1","type":"B","data":null,"id":"`+id+`","version":1,"metadata":{"tenant_id":"t"},"recorded_at":"2020-01-31T12:00:00.1234567+01:00"}`+"\n"+
		` { "position" : 999 , "id":null, "version":null, "metadata":null, "recorded_at":null, "stream":"a-1","type":"A","data":[ ] } `, jsonl.Config{})
	require.NoError(t, err)
	require.EqualValues(t, 3, result.Events)
	require.EqualValues(t, 5, result.Lines)
	events := stored(t, pool)
	require.Len(t, events, 4)
	for _, event := range []contrail.Recorded{events[1], events[3]} {
		require.Equal(t, uuid.Version(7), event.ID.Version())
		require.WithinDuration(t, events[0].RecordedAt, event.RecordedAt, time.Minute)
		require.Equal(t, "a-1", event.Stream.String())
	}
	require.EqualValues(t, 2, events[1].Version)
	require.EqualValues(t, 3, events[3].Version)
	require.Equal(t, contrail.Recorded{
		Position: events[2].Position, ID: uuid.MustParse(id), Stream: contrail.NewStreamID("b", "1"), Version: 1, Type: "B", Data: []byte("null"),
		Metadata: contrail.Metadata{"tenant_id": "t"}, RecordedAt: time.Date(2020, 1, 31, 11, 0, 0, 123456000, time.UTC),
	}, events[2])
}

// Each is on line 4, and what stands before it is taken back.
func TestImportNamesTheLine(t *testing.T) {
	t.Parallel()
	pool := seeded(t, "taken-1")
	taken := stored(t, pool)[0].ID.String()
	for bad, want := range map[string]string{
		`{`:                                                                                `ends too early`,
		`{"stream":"a-1","type":"A","da`:                                                   `was it cut off`,
		`[]`:                                                                               `expected an event, as an object`,
		`{"stream":"a-1","type":"A"}`:                                                      `has no data`,
		`{"type":"A","data":1}`:                                                            `has no stream`,
		`{"stream":"a-1","data":1}`:                                                        `has no type`,
		`{"stream":"a","type":"A","data":1}`:                                               `has no '-'`,
		`{"stream":"a-b c","type":"A","data":1}`:                                           `white space`,
		`{"stream":"a-1","type":"1","data":1}`:                                             `event type "1"`,
		`{"stream":"a-1","type":1,"data":1}`:                                               `is not a string`,
		`{"stream":"a-1","type":"A","data":1,"kind":2}`:                                    `field "kind" is none of`,
		`{"stream":"a-1","type":"A","data":1,"kind":null}`:                                 `field "kind" is none of`,
		`{"stream":"a-1","type":"A","data":1}{}`:                                           `nothing behind the event`,
		`{"stream":"a-1","type":"A","data":01}`:                                            `expected ',' or '}'`,
		`{"stream":"a-1","type":"A","data":tru}`:                                           `expected a value`,
		`{"stream":"a-1","type":"A","data":"\u0000"}`:                                      `cannot hold: leave`,
		`{"stream":"a-1","type":"A","data":{"\ud800":1}}`:                                  `surrogate`,
		`{"stream":"a-1","type":"A","data":"` + "\xff" + `"}`:                              `not UTF-8`,
		`{"stream":"a-1","type":"A","data":"` + "\t" + `"}`:                                `control character`,
		`{"stream":"a-1","type":"A","data":1e999999}`:                                      `more than the 524288 allowed`,
		`{"stream":"a-1","type":"A","data":"` + strings.Repeat("x", 524287) + `"}`:         `has 524289 bytes of data`,
		`{"stream":"a-1","type":"A","data":1e-20000}`:                                      `can't be held as jsonb`,
		`{"stream":"a-1","type":"A","data":` + strings.Repeat("[", 20000) + `}`:            `more than 10,000 deep`,
		`{"stream":"a-1","type":"A","data":1,"metadata":[]}`:                               `not an object of strings`,
		`{"stream":"a-1","type":"A","data":1,"metadata":{"a":1}}`:                          `not a string`,
		`{"stream":"a-1","type":"A","data":1,"metadata":{"A":"x"}}`:                        `must match`,
		`{"stream":"a-1","type":"A","data":1,"metadata":{"source":"x"}}`:                   `CloudEvents`,
		`{"stream":"a-1","type":"A","data":1,"metadata":{"key_id":"k"}}`:                   `"key_id" names a key that its data can't be opened with: the data is not a JWE`,
		`{"stream":"a-1","type":"A","data":1,"metadata":{"key_id":""}}`:                    `"key_id" names the key of encrypted data, but the data is not`,
		"\x1f\x8b\x08\x00":                                                                 `is compressed with gzip`,
		`{"stream":"a-1","type":"A","data":1,"id":"1"}`:                                    `is not a UUID`,
		`{"stream":"a-1","type":"A","data":1,"id":"` + uuid.Nil.String() + `"}`:            `is not a UUID`,
		`{"stream":"a-1","type":"A","data":1,"version":0}`:                                 `not a whole number`,
		`{"stream":"a-1","type":"A","data":1,"version":1.5}`:                               `not a whole number`,
		`{"stream":"a-1","type":"A","data":1,"version":99999999999999999999}`:              `not a whole number`,
		`{"stream":"a-1","type":"A","data":1,"recorded_at":"yesterday"}`:                   `RFC 3339`,
		`{"stream":"a-1","type":"A","data":1,"recorded_at":"0000-01-01T00:00:00Z"}`:        `RFC 3339`,
		`{"stream":"a-1","type":"A","data":1,"version":2}`:                                 `expected version 1, but it is at version 0; import what comes before`,
		`{"stream":"taken-1","type":"A","data":1,"version":1}`:                             `it is at version 1; was it imported before`,
		`{"stream":"a-1","type":"A","data":1,"id":"` + taken + `"}`:                        `stands at version 1 of stream taken-1 already (position 1); was it imported before`,
		`{"stream":"a-1","type":"A","data":1,"id":"01940000-0000-7000-8000-000000000001"}`: `stands on a line before`,
	} {
		for _, batch := range []int{1, 2, 100} {
			_, err := importText(t, pool, "\n"+`{"stream":"c-1","type":"A","data":1}`+"\n"+
				`{"stream":"c-2","type":"A","data":1,"id":"01940000-0000-7000-8000-000000000001"}`+"\n"+bad+"\n"+counted(5), jsonl.Config{Batch: batch})
			var faulty *jsonl.LineError
			require.ErrorAs(t, err, &faulty, bad)
			require.EqualValues(t, 4, faulty.Line, bad)
			require.ErrorContains(t, err, "line 4: ", bad)
			require.ErrorContains(t, err, want)
			require.NotContains(t, err.Error(), "\n")
			require.Len(t, stored(t, pool), 1)
		}
	}
}

// Encrypted data is taken with the id, stream and type that it was encrypted for, and not without: it would never be readable.
func TestImportOfEncryptedData(t *testing.T) {
	t.Parallel()
	ring, err := erasure.NewKeyring(erasure.KEK{ID: "1", Key: [32]byte{1}})
	require.NoError(t, err)
	key, _, err := ring.NewKey()
	require.NoError(t, err)
	event := contrail.Recorded{
		ID: uuid.New(), Stream: contrail.NewStreamID("a", "1"), Type: "A", Sealed: true,
		Metadata: contrail.Metadata{contrail.KeySealedWith: key.ID()},
	}
	event.Data = key.Seal(event.ID, event.Stream, event.Type, json.RawMessage(`{"name":"Ada"}`))
	pool := pgtest.New(t)
	for want, change := range map[string]func(*contrail.Recorded){
		"as the data of another event; import the line as it was exported": func(e *contrail.Recorded) { e.ID = uuid.Nil },
		"as the data of another event":                                     func(e *contrail.Recorded) { e.Stream = contrail.NewStreamID("a", "2") },
		"with another key":                                                 func(e *contrail.Recorded) { e.Metadata = contrail.Metadata{contrail.KeySealedWith: "k"} },
	} {
		moved := event
		change(&moved)
		_, err := importText(t, pool, string(jsonl.AppendLine(nil, moved)), jsonl.Config{})
		require.ErrorIs(t, err, contrail.ErrInvalid)
		require.ErrorContains(t, err, want)
	}
	_, err = importText(t, pool, string(jsonl.AppendLine(nil, event)), jsonl.Config{})
	require.NoError(t, err)
	opened, err := key.Open(stored(t, pool)[0])
	require.NoError(t, err)
	require.JSONEq(t, `{"name":"Ada"}`, string(opened.Data))
}

func TestImportErrorsAreTyped(t *testing.T) {
	t.Parallel()
	pool := seeded(t, "a-1")
	_, err := importText(t, pool, `{"stream":"b-1","type":"A","data":{"x":"\u0000"}}`, jsonl.Config{})
	require.ErrorIs(t, err, contrail.ErrInvalid)
	_, err = importText(t, pool, `{"stream":"a-1","type":"A","data":1,"version":4}`, jsonl.Config{})
	require.ErrorIs(t, err, contrail.ErrConflict)
	var conflict *eventstore.ConflictError
	require.ErrorAs(t, err, &conflict)
	require.Equal(t, eventstore.ConflictError{Stream: contrail.NewStreamID("a", "1"), Expected: 3, Actual: 1}, *conflict)
	event := stored(t, pool)[0]
	_, err = importText(t, pool, `{"stream":"b-1","type":"A","data":1,"id":"`+event.ID.String()+`"}`, jsonl.Config{})
	var duplicate *eventstore.DuplicateError
	require.ErrorAs(t, err, &duplicate)
	require.Equal(t, eventstore.DuplicateError{ID: event.ID, Stream: event.Stream, Version: 1, Position: event.Position}, *duplicate)

	empty, err := pgx.Connect(t.Context(), pgtest.Empty(t))
	require.NoError(t, err)
	defer func() { require.NoError(t, empty.Close(t.Context())) }()
	for _, config := range []jsonl.Config{{}, {Resume: true, Name: "x"}} {
		_, err = jsonl.Import(t.Context(), empty, strings.NewReader(counted(1)), config)
		require.ErrorIs(t, err, eventstore.ErrNotMigrated)
	}
}

// A proxy that pools transactions wants statements that are not prepared.
func TestImportInEveryModeOfTheDriver(t *testing.T) {
	t.Parallel()
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
	} {
		pool := pgtest.New(t)
		config := pool.Config().ConnConfig
		config.DefaultQueryExecMode = mode
		conn, err := pgx.ConnectConfig(t.Context(), config)
		require.NoError(t, err)
		_, err = jsonl.Import(t.Context(), conn, strings.NewReader(counted(30)), jsonl.Config{Batch: 7, Resume: true, Name: `it's "x"`})
		require.NoError(t, err, mode)
		_, err = jsonl.Import(t.Context(), conn, strings.NewReader(counted(60)), jsonl.Config{Batch: 7, Resume: true, Name: `it's "x"`})
		require.NoError(t, err, mode)
		require.NoError(t, conn.Close(t.Context()))
		requireCounted(t, pool, 60)
	}
}

func TestImportOfNothing(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	for _, text := range []string{"", "\n \r\n", "\ufeff"} {
		result, err := importText(t, pool, text, jsonl.Config{})
		require.NoError(t, err)
		require.Zero(t, result.Events)
		require.EqualValues(t, len(text), result.Bytes)
	}
}

func TestImportRefusesAConfig(t *testing.T) {
	t.Parallel()
	_, err := jsonl.Import(t.Context(), nil, nil, jsonl.Config{Resume: true, Batch: -1, MaxEventBytes: -2, MaxLineBytes: -3})
	for _, want := range []string{"Batch is -1", "MaxEventBytes is -2", "MaxLineBytes is -3", "Name is empty"} {
		require.ErrorContains(t, err, want)
	}
	_, err = jsonl.Import(t.Context(), nil, nil, jsonl.Config{Name: "x"})
	require.ErrorContains(t, err, `Name is "x"`)
}

// A line without an end is refused when it is longer than the limit, whether it fits into the reader's buffer or not.
func TestImportRefusesALongLine(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	for _, limit := range []int{1000, 1 << 20} {
		endless := io.MultiReader(strings.NewReader(counted(1)), repeating(' '))
		if limit == 1000 {
			endless = io.MultiReader(strings.NewReader(counted(1)), io.LimitReader(repeating(' '), 2000))
		}
		_, err := jsonl.Import(t.Context(), pool, endless, jsonl.Config{MaxLineBytes: limit})
		var faulty *jsonl.LineError
		require.ErrorAs(t, err, &faulty)
		require.EqualValues(t, 2, faulty.Line)
		require.ErrorContains(t, err, "is longer than the")
	}
}

type repeating byte

func (r repeating) Read(into []byte) (int, error) {
	for n := range into {
		into[n] = byte(r)
	}
	return len(into), nil
}

// What breaks off leaves nothing behind.
func TestImportThatBreaksOff(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	broken := errors.New("the disk is gone")
	result, err := jsonl.Import(t.Context(), pool, io.MultiReader(strings.NewReader(counted(100)), iotest.ErrReader(broken)), jsonl.Config{Batch: 10})
	require.Zero(t, result)
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "behind line 100")
	require.Empty(t, stored(t, pool))

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	blocked, writer := io.Pipe()
	defer func() { require.NoError(t, writer.Close()) }()
	_, err = jsonl.Import(ctx, pool, io.MultiReader(strings.NewReader(counted(100)), blocked), jsonl.Config{
		Batch: 10, Progress: func(jsonl.Result) { cancel() },
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, stored(t, pool))
}

// An import that has ended reads nothing more, be it in the middle of blank lines or of what was imported before.
//
//nolint:paralleltest // it looks at all goroutines
func TestImportReadsNoFurther(t *testing.T) {
	for name, config := range map[string]jsonl.Config{"blank": {}, "skipped": {Resume: true, Name: "x"}} {
		t.Run(name, func(t *testing.T) {
			pool := pgtest.New(t)
			if config.Resume {
				_, err := pool.Exec(t.Context(), `INSERT INTO contrail.imports (name, lines, bytes, digest) VALUES ('x', 1, 1::bigint << 60, '')`)
				require.NoError(t, err)
			}
			before := goleak.IgnoreCurrent()
			ctx, cancel := context.WithCancel(t.Context())
			_, err := jsonl.Import(ctx, pool, reading(func(to []byte) (int, error) {
				cancel()
				return copy(to, "\n"), nil
			}), config)
			require.ErrorIs(t, err, context.Canceled)
			pool.Close()
			goleak.VerifyNone(t, before)
		})
	}
}

// reading is an io.Reader.
type reading func(to []byte) (int, error)

func (r reading) Read(to []byte) (int, error) { return r(to) }

// An append that is faster takes the version: the whole import gives way, since the versions that it had before may follow from it.
func TestImportMeetsARival(t *testing.T) {
	t.Parallel()
	for _, resume := range []bool{false, true} {
		pool := pgtest.New(t)
		rival, err := pool.Begin(t.Context())
		require.NoError(t, err)
		_, err = rival.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data) VALUES ('count-1', 1, 'Rival', '{}')`)
		require.NoError(t, err)
		config := jsonl.Config{Resume: resume}
		if resume {
			config.Name = "x"
		}
		done := make(chan error, 1)
		go func() { _, err := importText(t, pool, counted(6), config); done <- err }()
		require.Eventually(t, func() bool {
			var waits bool
			err := pool.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity
				WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'COPY%')`).Scan(&waits)
			return err == nil && waits
		}, 10*time.Second, 5*time.Millisecond)
		require.NoError(t, rival.Commit(t.Context()))
		if err = <-done; resume {
			require.NoError(t, err, "a batch is tried again")
			require.Len(t, stored(t, pool), 7)
			continue
		}
		var faulty *jsonl.LineError
		require.ErrorAs(t, err, &faulty)
		require.EqualValues(t, 2, faulty.Line)
		require.ErrorIs(t, err, contrail.ErrConflict)
		require.ErrorContains(t, err, "another transaction was faster; import again")
		require.Len(t, stored(t, pool), 1)
	}
}

// Memory does not grow with the input.
func TestImportInConstantMemory(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes a while")
	}
	pool := pgtest.New(t)
	line := `{"stream":"big-1","type":"A","data":"` + strings.Repeat("x", 100<<10) + `"}` + "\n"
	var most uint64
	_, err := jsonl.Import(t.Context(), pool, io.LimitReader(&cycle{text: line}, int64(len(line))*1500), jsonl.Config{Progress: func(jsonl.Result) {
		var memory runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&memory)
		most = max(most, memory.HeapInuse)
	}})
	require.NoError(t, err)
	require.Less(t, most, uint64(64<<20), "of an input of 150 MiB")
}

// cycle is a text without end.
type cycle struct {
	text string
	at   int
}

func (c *cycle) Read(into []byte) (int, error) {
	n := copy(into, c.text[c.at:])
	c.at = (c.at + n) % len(c.text)
	return n, nil
}
