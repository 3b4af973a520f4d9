package wmsql_test

import (
	"context"
	stdsql "database/sql"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-sql/v3/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore/wmsql"
	"github.com/contrail-events/contrail/internal/pgtest"
)

func numbered(n int) *message.Message {
	return message.NewMessage(watermill.NewUUID(), []byte(strconv.Itoa(n)))
}

func payloads(msgs message.Messages) (texts []string) {
	for _, msg := range msgs {
		texts = append(texts, string(msg.Payload))
	}
	return texts
}

// A transaction that is open holds the lower position. What others commit above it must wait for it, also where the subscriber looks while
// it commits.
func TestSubscriberWaitsForALowerPosition(t *testing.T) {
	t.Parallel()
	for _, driver := range drivers {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			db := open(t, driver)
			messages := subscribe(t, db, "invoice", "mailer", wmsql.Config{})
			slow, err := db.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			defer func() { _ = slow.Rollback() }()
			require.NoError(t, newPublisher(t, slow, wmsql.Config{}).Publish("invoice-1", numbered(1)))
			require.NoError(t, newPublisher(t, db, wmsql.Config{}).Publish("invoice-2", numbered(2)))
			requireSilence(t, messages)
			require.NoError(t, slow.Commit())
			require.Equal(t, []string{"1", "2"}, payloads(take(t, messages, 2)))
			requireSilence(t, messages)
		})
	}
}

// Writers overlap at random, some roll back, and a subscriber that polls all the while gets what they committed, each event once, in the
// order of positions.
func TestSubscriberReadsEveryCommittedEventOnce(t *testing.T) {
	t.Parallel()
	db := open(t, "pgx")
	messages := subscribe(t, db, "all", "mailer", wmsql.Config{Topic: wmsql.Everything, BatchEvents: 7})
	const writers, each = 12, 40
	var writing sync.WaitGroup
	for writer := range writers {
		writing.Go(func() {
			for n := range each {
				if err := publishSlowly(db, fmt.Sprintf("invoice-%d", writer), numbered(n), n%5 == 4); err != nil {
					t.Errorf("writer %d: %v", writer, err)
				}
			}
		})
	}
	received := take(t, messages, writers*each*4/5)
	writing.Wait()
	requireSilence(t, messages)

	last := int64(0)
	for _, msg := range received {
		event, err := wmsql.Recorded(msg)
		require.NoError(t, err)
		require.Greater(t, int64(event.Position), last)
		last = int64(event.Position)
	}
	require.Equal(t, len(received), ask[int](t, db, `SELECT count(*) FROM contrail.events`))
}

// publishSlowly leaves its position open for up to ten milliseconds.
func publishSlowly(db *stdsql.DB, topic string, msg *message.Message, rollback bool) error {
	tx, err := db.Begin() //nolint:noctx // as stock publishers do
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	schema, err := wmsql.NewSchemaAdapter(wmsql.Config{})
	if err != nil {
		return err
	}
	query, err := schema.InsertQuery(topic, message.Messages{msg})
	if err != nil {
		return err
	}
	if _, err := tx.Exec(query.Query, query.Args...); err != nil { //nolint:noctx // likewise
		return err
	}
	if _, err := tx.Exec(`SELECT pg_sleep($1)`, rand.Float64()/100); err != nil || rollback { //nolint:noctx // likewise
		return err
	}
	return tx.Commit()
}

// At REPEATABLE READ every statement has the first one's snapshot, which is older than the horizon: it must not go through in silence.
func TestNextEventsRefusesRepeatableRead(t *testing.T) {
	t.Parallel()
	db := open(t, "pgx")
	offsets := wmsql.OffsetsAdapter{}
	for _, query := range offsets.BeforeSubscribingQueries("invoice", "mailer") {
		_, err := db.ExecContext(t.Context(), query.Query, query.Args...)
		require.NoError(t, err)
	}
	schema := newSchema(t, wmsql.Config{})
	query := schema.SelectQuery("invoice", "mailer", offsets)
	for _, level := range []stdsql.IsolationLevel{stdsql.LevelRepeatableRead, stdsql.LevelSerializable, schema.SubscribeIsolationLevel()} {
		tx, err := db.BeginTx(t.Context(), &stdsql.TxOptions{Isolation: level})
		require.NoError(t, err)
		_, err = tx.ExecContext(t.Context(), query.Query, query.Args...)
		require.NoError(t, tx.Rollback())
		if level == stdsql.LevelReadCommitted {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, "would lose events")
		}
	}
}

// Position 2 commits while contrail.next_events asks for the horizon, be it the first time or another. What it selects must not be of a snapshot
// from before, or else it returns 3 without 2, which is lost for ever.
func TestNextEventsLosesNothingAcrossItsHorizon(t *testing.T) {
	t.Parallel()
	for call := 1; call <= 2; call++ {
		t.Run(fmt.Sprintf("call %d", call), func(t *testing.T) {
			t.Parallel()
			db := open(t, "pgx")
			schema := newSchema(t, wmsql.Config{})
			for _, query := range (wmsql.OffsetsAdapter{}).BeforeSubscribingQueries("invoice", "mailer") {
				_, err := db.ExecContext(t.Context(), query.Query, query.Args...)
				require.NoError(t, err)
			}
			require.NoError(t, newPublisher(t, db, wmsql.Config{}).Publish("invoice-1", numbered(1)))
			slow, err := db.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			defer func() { _ = slow.Rollback() }()
			require.NoError(t, newPublisher(t, slow, wmsql.Config{}).Publish("invoice-2", numbered(2)))
			require.NoError(t, newPublisher(t, db, wmsql.Config{}).Publish("invoice-3", numbered(3)))

			_, err = db.ExecContext(t.Context(), pgtest.GateHorizon(call))
			require.NoError(t, err)
			gate, err := db.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			defer func() { _ = gate.Rollback() }()
			_, err = gate.ExecContext(t.Context(), pgtest.ShutGateSQL)
			require.NoError(t, err)

			var found []string
			var fault error
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				found, fault = poll(t.Context(), db, schema)
			}()
			requireAtGate(t, db, ended)
			require.NoError(t, slow.Commit())
			_, err = gate.ExecContext(t.Context(), pgtest.OpenGateSQL)
			require.NoError(t, err)
			<-ended
			require.NoError(t, fault)
			rest, err := poll(t.Context(), db, schema)
			require.NoError(t, err)
			require.Equal(t, []string{"1", "2", "3"}, append(found, rest...))
		})
	}
}

// requireAtGate returns when a reader waits at the gate, or has come to its end without passing it.
func requireAtGate(t *testing.T, db *stdsql.DB, ended <-chan struct{}) {
	t.Helper()
	require.Eventually(t, func() bool {
		select {
		case <-ended:
			return true
		default:
		}
		var waiting bool
		err := db.QueryRowContext(t.Context(), pgtest.AtGateSQL).Scan(&waiting)
		return err == nil && waiting
	}, patience, 2*time.Millisecond, "nobody asked for the horizon")
}

// poll reads the topic once, as a subscriber does that acknowledges all it gets.
func poll(ctx context.Context, db *stdsql.DB, schema *wmsql.SchemaAdapter) (found []string, err error) {
	tx, err := db.BeginTx(ctx, &stdsql.TxOptions{Isolation: schema.SubscribeIsolationLevel()})
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	query := schema.SelectQuery("invoice", "mailer", wmsql.OffsetsAdapter{})
	rows, err := tx.QueryContext(ctx, query.Query, query.Args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var last sql.Row
	for rows.Next() {
		if last, err = schema.UnmarshalMessage(rows); err != nil {
			return nil, err
		}
		found = append(found, string(last.Payload))
	}
	if err := rows.Err(); err != nil || len(found) == 0 {
		return nil, err
	}
	query = wmsql.OffsetsAdapter{}.AckMessageQuery("invoice", last, "mailer")
	if _, err := tx.ExecContext(ctx, query.Query, query.Args...); err != nil {
		return nil, err
	}
	return found, tx.Commit()
}
