package parked_test

import (
	"context"
	"iter"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher/parked"
)

// ledger is a database with a relay of the stream EVENTS, whose part the tests play.
type ledger struct {
	testing.TB

	pool *pgxpool.Pool
}

func newLedger(t *testing.T) ledger {
	t.Helper()
	l := ledger{t, pgtest.New(t)}
	l.exec(`INSERT INTO contrail.relays (stream, position, sequence) VALUES ('EVENTS', 1000, 1000)`)
	return l
}

func (l ledger) exec(statement string, args ...any) {
	l.Helper()
	_, err := l.pool.Exec(context.WithoutCancel(l.Context()), statement, args...)
	require.NoError(l, err)
}

// append appends an event and returns its position.
func (l ledger) append(stream string) contrail.Position {
	l.Helper()
	return contrail.Position(value[int64](l, `INSERT INTO contrail.events (stream, version, type, data, metadata)
		SELECT $1, 1 + count(*), 'InvoiceIssued', '{"total": "19.80"}', '{"tenant_id": "t-1"}' FROM contrail.events WHERE stream = $1
		RETURNING position`, stream))
}

// leaveOut writes what the relay writes when it goes past an event.
func (l ledger) leaveOut(relay string, position contrail.Position, state parked.State, reason parked.Reason) {
	l.Helper()
	l.exec(`INSERT INTO contrail.parked (relay, position, stream, state, reason, error, attempts, changed_by)
		SELECT $1, position, stream, $3, $4, 'nats: maximum payload exceeded', 8, 'relay-1:42' FROM contrail.events WHERE position = $2`,
		relay, int64(position), state, reason)
}

// park appends an event that the relay then leaves out.
func (l ledger) park(stream string, state parked.State) contrail.Position {
	l.Helper()
	position := l.append(stream)
	reason := parked.ReasonMessageTooLarge
	if state == parked.Held {
		reason = parked.ReasonHeld
	}
	l.leaveOut("EVENTS", position, state, reason)
	return position
}

// publish writes what the relay writes when it has published an event.
func (l ledger) publish(position contrail.Position, sequence int) {
	l.Helper()
	l.exec(`UPDATE contrail.parked SET state = 'published', sequence = $2, changed_by = 'relay-1:42', changed_at = clock_timestamp() WHERE position = $1`,
		int64(position), sequence)
}

// age makes it long ago that an event was changed.
func (l ledger) age(position contrail.Position, by string) {
	l.Helper()
	l.exec(`UPDATE contrail.parked SET changed_at = changed_at - $2::interval WHERE position = $1`, int64(position), by)
}

func (l ledger) get(position contrail.Position) parked.Detail {
	l.Helper()
	found, err := parked.Get(l.Context(), l.pool, "EVENTS", position)
	require.NoError(l, err)
	return found
}

func (l ledger) state(position contrail.Position) parked.State {
	l.Helper()
	return l.get(position).State
}

func (l ledger) requests() int {
	l.Helper()
	return value[int](l, `SELECT requests FROM contrail.relays WHERE stream = 'EVENTS'`)
}

// listen returns a session that hears what wakes a relay.
func (l ledger) listen() *pgx.Conn {
	l.Helper()
	conn, err := pgx.ConnectConfig(l.Context(), l.pool.Config().ConnConfig)
	require.NoError(l, err)
	l.Cleanup(func() { _ = conn.Close(context.Background()) })
	_, err = conn.Exec(l.Context(), `LISTEN contrail`)
	require.NoError(l, err)
	return conn
}

func value[T any](l ledger, query string, args ...any) (v T) {
	l.Helper()
	require.NoError(l, l.pool.QueryRow(context.WithoutCancel(l.Context()), query, args...).Scan(&v))
	return v
}

func ada(note string) parked.Decision { return parked.Decision{By: "ada@ops", Note: note} }

func bob(note string) parked.Decision { return parked.Decision{By: "bob@ops", Note: note} }

// positions are those of what is listed.
func positions(tb testing.TB, events iter.Seq2[parked.Event, error]) []contrail.Position {
	tb.Helper()
	found := []contrail.Position{}
	for event, err := range events {
		require.NoError(tb, err)
		found = append(found, event.Position)
	}
	return found
}

// texts are what the outcomes say, in order.
func texts(outcomes []parked.Outcome) []string {
	var all []string
	for _, outcome := range outcomes {
		all = append(all, outcome.Text)
	}
	return all
}
