package eventstore_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/pgtest"
)

var invoice42 = contrail.NewStreamID("invoice", "42")

func TestAppendReturnsWhatLoadReads(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	first := happened("InvoiceDrafted")
	first.Metadata = contrail.Metadata{"tenant_id": "acme"}
	recorded, err := appendNow(t.Context(), pool, invoice42, eventstore.NoStream, first, happened("InvoiceIssued"))
	require.NoError(t, err)
	require.Len(t, recorded, 2)
	require.Equal(t, uuid.Version(7), recorded[0].ID.Version())
	require.EqualValues(t, 1, recorded[0].Version)
	require.EqualValues(t, 2, recorded[1].Version)
	loaded := load(t, pool, invoice42, 0)
	for i := range loaded {
		require.JSONEq(t, string(recorded[i].Data), string(loaded[i].Data))
		recorded[i].Data, loaded[i].Data = nil, nil
	}
	require.Equal(t, recorded, loaded)
	require.Len(t, load(t, pool, invoice42, 2), 1)
	require.Empty(t, load(t, pool, contrail.NewStreamID("invoice", "43"), 0))
}

func TestAppendExpectations(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		expected eventstore.ExpectedVersion
		actual   int64
		conflict bool
	}{
		{eventstore.Any, 0, false},
		{eventstore.Any, 2, false},
		{eventstore.NoStream, 0, false},
		{eventstore.NoStream, 2, true},
		{eventstore.StreamExists, 0, true},
		{eventstore.StreamExists, 2, false},
		{eventstore.Exactly(0), 0, false},
		{eventstore.Exactly(1), 0, true},
		{eventstore.Exactly(1), 2, true},
		{eventstore.Exactly(2), 2, false},
		{eventstore.Exactly(3), 2, true},
	} {
		t.Run(fmt.Sprintf("%s at %d", test.expected, test.actual), func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			for range test.actual {
				_, err := appendNow(t.Context(), pool, invoice42, eventstore.Any, happened("A"))
				require.NoError(t, err)
			}
			recorded, err := appendNow(t.Context(), pool, invoice42, test.expected, happened("B"))
			if !test.conflict {
				require.NoError(t, err)
				require.Equal(t, test.actual+1, recorded[0].Version)
				return
			}
			var conflict *eventstore.ConflictError
			require.ErrorAs(t, err, &conflict)
			require.ErrorIs(t, err, contrail.ErrConflict)
			require.Equal(t, eventstore.ConflictError{Stream: invoice42, Expected: test.expected, Actual: test.actual}, *conflict)
			require.Len(t, load(t, pool, invoice42, 0), int(test.actual))
		})
	}
}

// A conflict leaves the caller's transaction good: it may load again, decide anew, and commit the rest of its work.
func TestConflictLeavesTheTransactionGood(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	_, err := appendNow(t.Context(), pool, invoice42, eventstore.NoStream, happened("A"))
	require.NoError(t, err)
	err = pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := newStore(t).Append(t.Context(), tx, invoice42, eventstore.NoStream, happened("B"))
		require.ErrorIs(t, err, contrail.ErrConflict)
		_, err = newStore(t).Append(t.Context(), tx, invoice42, eventstore.Exactly(1), happened("B"))
		return err
	})
	require.NoError(t, err)
	require.Len(t, load(t, pool, invoice42, 0), 2)
}

// Sixteen writers append two events at a time to one stream. With Any none fails; with Exactly one wins each version.
func TestConcurrentAppends(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	var writers sync.WaitGroup
	var won, lost atomic.Int64
	for range 16 {
		writers.Go(func() {
			for range 20 {
				_, err := appendNow(t.Context(), pool, invoice42, eventstore.Any, happened("A"), happened("B"))
				if err != nil {
					t.Errorf("any: %v", err)
				}
			}
		})
		writers.Go(func() {
			for version := range int64(20) {
				_, err := appendNow(t.Context(), pool, contrail.NewStreamID("exact", "1"), eventstore.Exactly(version), happened("A"))
				if conflict, ok := errors.AsType[*eventstore.ConflictError](err); ok && conflict.Actual > version {
					lost.Add(1)
				} else if err == nil {
					won.Add(1)
				}
			}
		})
	}
	writers.Wait()
	require.EqualValues(t, 20, won.Load())
	require.EqualValues(t, 15*20, lost.Load())
	events := load(t, pool, invoice42, 0)
	require.Len(t, events, 16*20*2)
	for i, event := range events {
		require.EqualValues(t, i+1, event.Version)
		require.Equal(t, []string{"A", "B"}[i%2], event.Type, "a batch stays together")
	}
}

func TestAppendingAgainIsRecognised(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	events := []contrail.Event{happened("A"), happened("B")}
	events[0].ID, events[1].ID = uuid.New(), uuid.New()
	first, err := appendNow(t.Context(), pool, invoice42, eventstore.NoStream, events...)
	require.NoError(t, err)
	_, err = appendNow(t.Context(), pool, invoice42, eventstore.Exactly(2), happened("C"))
	require.NoError(t, err)
	for _, expected := range []eventstore.ExpectedVersion{eventstore.NoStream, eventstore.Any, eventstore.StreamExists} {
		again, err := appendNow(t.Context(), pool, invoice42, expected, events...)
		require.NoError(t, err, expected)
		requireSame(t, first, again)
	}
	require.Len(t, load(t, pool, invoice42, 0), 3)

	for name, elsewhere := range map[string]struct {
		stream   contrail.StreamID
		expected eventstore.ExpectedVersion
		events   []contrail.Event
	}{
		"another stream":  {contrail.NewStreamID("invoice", "43"), eventstore.NoStream, events},
		"another version": {invoice42, eventstore.Exactly(3), events},
		"another order":   {invoice42, eventstore.NoStream, []contrail.Event{events[1], events[0]}},
		"another type":    {invoice42, eventstore.NoStream, []contrail.Event{{ID: events[0].ID, Type: "X", Data: events[0].Data}, events[1]}},
		"other data":      {invoice42, eventstore.NoStream, []contrail.Event{{ID: events[0].ID, Type: "A", Data: 2}, events[1]}},
		"one of them new": {invoice42, eventstore.Any, []contrail.Event{events[0], happened("D")}},
	} {
		_, err := appendNow(t.Context(), pool, elsewhere.stream, elsewhere.expected, elsewhere.events...)
		var duplicate *eventstore.DuplicateError
		require.ErrorAs(t, err, &duplicate, name)
		require.Equal(t, invoice42, duplicate.Stream, name)
		require.NotZero(t, duplicate.Position, name)
	}
	_, err = appendNow(t.Context(), pool, invoice42, eventstore.Any, happened("D"), events[0])
	var duplicate *eventstore.DuplicateError
	require.ErrorAs(t, err, &duplicate)
	require.Len(t, load(t, pool, invoice42, 0), 3)
}

// requireSame compares events but for the blanks in their data.
func requireSame(tb testing.TB, want, got []contrail.Recorded) {
	tb.Helper()
	require.Len(tb, got, len(want))
	for i := range want {
		require.JSONEq(tb, string(want[i].Data), string(got[i].Data))
		want, got := want[i], got[i]
		want.Data, got.Data = nil, nil
		require.Equal(tb, want, got)
	}
}

// A repetition returns what stands in the store, also where the caller has other metadata this time, as a retried request has.
func TestAppendingAgainReturnsWhatStandsThere(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	event := happened("A")
	event.ID, event.Metadata = uuid.New(), contrail.Metadata{"traceparent": "first"}
	_, err := appendNow(t.Context(), pool, invoice42, eventstore.NoStream, event)
	require.NoError(t, err)
	event.Metadata = contrail.Metadata{"traceparent": "second"}
	again, err := appendNow(t.Context(), pool, invoice42, eventstore.NoStream, event)
	require.NoError(t, err)
	require.Equal(t, "first", again[0].Metadata["traceparent"])
}

// Services behind a transaction-pooling proxy use the modes without prepared statements.
func TestAppendInEveryModeOfTheDriver(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
	} {
		config := pool.Config().ConnConfig
		config.DefaultQueryExecMode = mode
		conn, err := pgx.ConnectConfig(t.Context(), config)
		require.NoError(t, err)
		err = pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
			event := happened("A")
			event.Data = map[string]string{"text": `a "quoted" \ ü`}
			_, err := newStore(t).Append(t.Context(), tx, contrail.NewStreamID("mode", mode.String()[:4]), eventstore.Any, event)
			return err
		})
		require.NoError(t, err, mode)
		require.NoError(t, conn.Close(t.Context()))
	}
}

func TestAppendAtRepeatableReadConflicts(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	tx, err := pool.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(t.Context()) }()
	_, err = tx.Exec(t.Context(), `SELECT count(*) FROM contrail.events`)
	require.NoError(t, err)
	_, err = appendNow(t.Context(), pool, invoice42, eventstore.NoStream, happened("A"))
	require.NoError(t, err)
	_, err = newStore(t).Append(t.Context(), tx, invoice42, eventstore.NoStream, happened("B"))
	require.ErrorIs(t, err, contrail.ErrConflict)
}

func TestAppendRefusesWhatCouldNotBePublished(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	with := func(change func(*contrail.Event)) contrail.Event {
		event := happened("A")
		change(&event)
		return event
	}
	for name, test := range map[string]struct {
		stream contrail.StreamID
		event  contrail.Event
		reason string
	}{
		"zero stream":        {contrail.StreamID{}, happened("A"), "empty category"},
		"dot in id":          {contrail.NewStreamID("a", "b.c"), happened("A"), "'.'"},
		"long stream":        {contrail.NewStreamID("a", strings.Repeat("b", 199)), happened("A"), "200 bytes"},
		"empty type":         {invoice42, happened(""), "is empty"},
		"type with a space":  {invoice42, happened("A B"), "ASCII letters"},
		"metadata key":       {invoice42, with(func(e *contrail.Event) { e.Metadata = contrail.Metadata{"Tenant": "x"} }), "[a-z]"},
		"reserved key":       {invoice42, with(func(e *contrail.Event) { e.Metadata = contrail.Metadata{"source": "x"} }), "CloudEvents"},
		"colliding keys":     {invoice42, with(func(e *contrail.Event) { e.Metadata = contrail.Metadata{"a_b": "x", "ab": "y"} }), "the same"},
		"metadata no UTF-8":  {invoice42, with(func(e *contrail.Event) { e.Metadata = contrail.Metadata{"note": "\xff"} }), "not UTF-8"},
		"not JSON":           {invoice42, with(func(e *contrail.Event) { e.Data = json.RawMessage(`{`) }), "not JSON"},
		"unmarshallable":     {invoice42, with(func(e *contrail.Event) { e.Data = func() {} }), "not JSON"},
		"too large":          {invoice42, with(func(e *contrail.Event) { e.Data = strings.Repeat("x", 512<<10) }), "524288 allowed"},
		"numbers that grow":  {invoice42, with(func(e *contrail.Event) { e.Data = json.RawMessage(`[1e131071,1e131071,1E131071,1e131071]`) }), "524288 allowed"},
		"a number too large": {invoice42, with(func(e *contrail.Event) { e.Data = json.RawMessage(`1e200000`) }), "jsonb"},
		"not UTF-8":          {invoice42, with(func(e *contrail.Event) { e.Data = json.RawMessage("\"\xff\"") }), "not UTF-8"},
		"NUL in jsonb":       {invoice42, with(func(e *contrail.Event) { e.Data = json.RawMessage(`"\u0000"`) }), "jsonb"},
	} {
		_, err := appendNow(t.Context(), pool, test.stream, eventstore.Any, test.event)
		var invalid *contrail.InvalidError
		require.ErrorAs(t, err, &invalid, name)
		require.ErrorContains(t, err, test.reason, name)
	}
	require.Empty(t, everything(t, pool))
}

// A version that was counted wrongly must not turn into an append that expects nothing.
func TestAppendRefusesAVersionBelowZero(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	for _, n := range []int64{-1, -2, -3, math.MinInt64} {
		_, err := appendNow(t.Context(), pool, invoice42, eventstore.Exactly(n), happened("A"))
		require.ErrorIs(t, err, contrail.ErrInvalid, n)
		require.EqualError(t, err, `append to invoice-42: expected version "below zero" must be 0 or more`)
	}
	require.Empty(t, everything(t, pool))
}

func TestAppendRefusesATransactionThatIsOver(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	store := newStore(t)
	_, err := store.Append(t.Context(), nil, invoice42, eventstore.Any, happened("A"))
	require.ErrorIs(t, err, eventstore.ErrTransactionAborted)

	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `SELECT 1/0`)
	require.Error(t, err)
	_, err = store.Append(t.Context(), tx, invoice42, eventstore.Any, happened("A"))
	require.ErrorIs(t, err, eventstore.ErrTransactionAborted)
	require.NoError(t, tx.Rollback(t.Context()))
	_, err = store.Append(t.Context(), tx, invoice42, eventstore.Any, happened("A"))
	require.ErrorIs(t, err, eventstore.ErrTransactionAborted)
}

func TestNewNamesTheFaultyField(t *testing.T) {
	t.Parallel()
	_, err := eventstore.New(eventstore.Config{MaxEventBytes: -1})
	require.ErrorContains(t, err, "MaxEventBytes")
}
