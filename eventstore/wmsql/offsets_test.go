package wmsql_test

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-sql/v3/pkg/sql"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/wmsql"
	"github.com/contrail-events/contrail/internal/pgtest"
)

const offsetOf = `SELECT position FROM contrail.offsets WHERE topic = $1 AND consumer_group = $2`

// fill inserts events of other topics.
func fill(tb testing.TB, db *stdsql.DB, n int) {
	tb.Helper()
	_, err := db.ExecContext(tb.Context(), `INSERT INTO contrail.events (stream, version, type, data)
		SELECT 'payment-' || gen_random_uuid(), 1, 'PaymentReceived', '{}' FROM generate_series(1, $1::int)`, n)
	require.NoError(tb, err)
}

// Among many events a topic is rare: what lies between its events is looked at once, whether something was found behind it or not, and whether
// or not that was acknowledged.
func TestRareTopicIsNotSearchedAgain(t *testing.T) {
	t.Parallel()
	db := open(t, "pgx")
	fill(t, db, 20000)
	for name, cfg := range map[string]wmsql.Config{
		"type":   {Topic: func(string) wmsql.Filter { return wmsql.Filter{Types: []string{"Issued"}} }},
		"stream": {Topic: func(string) wmsql.Filter { return wmsql.Filter{Stream: contrail.NewStreamID("payment", "1")} }},
	} {
		read := pollOf(t, db, name, cfg)
		first := read()
		require.EqualValues(t, 20000, ask[int64](t, db, offsetOf, name, "mailer"))
		second := read()
		require.Greater(t, first, 10*second, "blocks read by the first poll and by the next")
		require.Less(t, second, 100)
	}
	// The index knows where a category's events are: not even the first poll searches for them.
	require.Less(t, pollOf(t, db, "invoice", wmsql.Config{})(), 100)

	require.NoError(t, newPublisher(t, db, wmsql.Config{}).Publish("rare", numbered(1)))
	everything := wmsql.Config{Topic: func(string) wmsql.Filter { return wmsql.Filter{Types: []string{wmsql.DefaultType}} }}
	read := pollOf(t, db, "unacknowledged", everything)
	require.Greater(t, read(), 100)
	require.EqualValues(t, 20000, ask[int64](t, db, offsetOf, "unacknowledged", "mailer"))
	require.Less(t, read(), 100)
}

// pollOf returns a function that does what one poll of a subscriber does, and tells how many blocks it took.
func pollOf(t *testing.T, db *stdsql.DB, topic string, cfg wmsql.Config) func() int {
	t.Helper()
	offsets := wmsql.OffsetsAdapter{}
	for _, query := range offsets.BeforeSubscribingQueries(topic, "mailer") {
		_, err := db.ExecContext(t.Context(), query.Query, query.Args...)
		require.NoError(t, err)
	}
	query := newSchema(t, cfg).SelectQuery(topic, "mailer", offsets)
	return func() int {
		t.Helper()
		var plan []struct {
			Plan struct {
				Hit  int `json:"Shared Hit Blocks"`
				Read int `json:"Shared Read Blocks"`
			}
		}
		inTx(t, db, func(tx *stdsql.Tx) {
			var text string
			err := tx.QueryRowContext(t.Context(), "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "+query.Query, query.Args...).Scan(&text)
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal([]byte(text), &plan))
		})
		return plan[0].Plan.Hit + plan[0].Plan.Read
	}
}

// One that joins a group need not wait for what another member is handling, not even when that has moved the offset already.
func TestMemberJoinsWhileAnotherHandles(t *testing.T) {
	t.Parallel()
	db := open(t, "pgx")
	pollOf(t, db, "invoice", wmsql.Config{})()
	offsets := wmsql.OffsetsAdapter{}
	inTx(t, db, func(tx *stdsql.Tx) {
		query := offsets.AckMessageQuery("invoice", sql.Row{Offset: 1}, "mailer")
		_, err := tx.ExecContext(t.Context(), query.Query, query.Args...)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		for _, query := range offsets.BeforeSubscribingQueries("invoice", "mailer") {
			_, err := db.ExecContext(ctx, query.Query, query.Args...)
			require.NoError(t, err)
		}
	})
}

// Groups have an offset each. The members of one share theirs, and one that joins need not wait for what another is handling.
func TestConsumerGroups(t *testing.T) {
	t.Parallel()
	for _, driver := range drivers {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			db := open(t, driver)
			fill(t, db, 2000) // so that the first read moves the offset
			require.NoError(t, newPublisher(t, db, wmsql.Config{}).Publish("invoice", numbered(1), numbered(2)))
			byType := wmsql.Config{Topic: func(string) wmsql.Filter { return wmsql.Filter{Types: []string{wmsql.DefaultType}} }}

			first := subscribe(t, db, "invoice", "mailer", byType)
			handling := <-first
			joined := subscribe(t, db, "invoice", "mailer", byType)
			other := subscribe(t, db, "invoice", "", byType)
			require.Equal(t, []string{"1", "2"}, payloads(take(t, other, 2)))
			requireSilence(t, joined)
			handling.Ack()
			next(t, first)
			requireSilence(t, first)
			requireSilence(t, joined)

			require.NoError(t, newPublisher(t, db, wmsql.Config{}).Publish("invoice", numbered(3)))
			select {
			case msg := <-first:
				msg.Ack()
			case msg := <-joined:
				msg.Ack()
			case <-time.After(patience):
				require.Fail(t, "neither member got it")
			}
			requireSilence(t, first)
			requireSilence(t, joined)
		})
	}
}

// What a handler writes in the message's transaction, and that the message was handled, become so together.
func TestHandlerInTheMessagesTransaction(t *testing.T) {
	t.Parallel()
	for _, driver := range drivers {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			db := open(t, driver)
			_, err := db.ExecContext(t.Context(), `CREATE TABLE mails (id int)`)
			require.NoError(t, err)
			require.NoError(t, newPublisher(t, db, wmsql.Config{}).Publish("invoice", numbered(1)))
			messages := subscribe(t, db, "invoice", "mailer", wmsql.Config{})
			msg := <-messages
			tx, ok := sql.TxFromContext(msg.Context())
			require.True(t, ok)
			_, err = tx.ExecContext(t.Context(), `INSERT INTO mails VALUES (1)`)
			require.NoError(t, err)
			require.NoError(t, newPublisher(t, tx, wmsql.Config{}).Publish("mail", numbered(2)))
			require.Equal(t, 0, ask[int](t, db, `SELECT count(*) FROM mails`))
			msg.Ack()
			require.Equal(t, "2", string(next(t, subscribe(t, db, "mail", "postman", wmsql.Config{})).Payload))
			require.Equal(t, 1, ask[int](t, db, `SELECT count(*) FROM mails`))
			require.EqualValues(t, 1, ask[int64](t, db, offsetOf, "invoice", "mailer"))
		})
	}
}

func TestGroupThatBeginsLater(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	db, err := stdsql.Open("pgx", pool.Config().ConnString())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	publisher := newPublisher(t, db, wmsql.Config{})
	require.NoError(t, publisher.Publish("invoice", numbered(1)))
	now, err := eventstore.Horizon(t.Context(), pool)
	require.NoError(t, err)

	subscriber, err := sql.NewSubscriber(db, sql.SubscriberConfig{
		PollInterval: 5 * time.Millisecond, SchemaAdapter: newSchema(t, wmsql.Config{}), OffsetsAdapter: wmsql.OffsetsAdapter{After: now},
	}, watermill.NopLogger{})
	require.NoError(t, err)
	messages, err := subscriber.Subscribe(context.WithoutCancel(t.Context()), "invoice")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, subscriber.Close()) })
	require.NoError(t, publisher.Publish("invoice", numbered(2)))
	require.Equal(t, "2", string(next(t, messages).Payload))
}

// A subscriber that reads with the wrong adapter, or a topic that stands for nothing, is told so.
func TestNextEventsSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	db := open(t, "pgx")
	poll := func(topic string, cfg wmsql.Config) error {
		query := newSchema(t, cfg).SelectQuery(topic, "mailer", sql.DefaultPostgreSQLOffsetsAdapter{})
		_, err := db.ExecContext(t.Context(), query.Query, query.Args...)
		return err
	}
	require.ErrorContains(t, poll("invoice", wmsql.Config{}), `consumer group "mailer" has no offset in topic "invoice"`)
	require.ErrorContains(t, poll("-1", wmsql.Config{}), "empty category")
	for _, topic := range []string{"", "-"} {
		require.ErrorContains(t, poll(topic, wmsql.Config{Topic: wmsql.Everything}), "stands for nothing")
	}
	torn := wmsql.Config{Topic: func(string) wmsql.Filter { return wmsql.Filter{Types: []string{"Issued", "not a type"}} }}
	require.ErrorContains(t, poll("invoice", torn), `event type "not a type"`)
}

// The offset that NextOffsetQuery reads is the one that AckMessageQuery writes.
func TestNextOffsetQuery(t *testing.T) {
	t.Parallel()
	db := open(t, "postgres")
	offsets := wmsql.OffsetsAdapter{After: 3}
	for _, query := range offsets.BeforeSubscribingQueries("invoice", "mailer") {
		_, err := db.ExecContext(t.Context(), query.Query, query.Args...)
		require.NoError(t, err)
	}
	query := offsets.NextOffsetQuery("invoice", "mailer")
	require.EqualValues(t, 3, ask[int64](t, db, query.Query, query.Args...))
	ack := offsets.AckMessageQuery("invoice", sql.Row{Offset: 5}, "mailer")
	_, err := db.ExecContext(t.Context(), ack.Query, ack.Args...)
	require.NoError(t, err)
	require.EqualValues(t, 5, ask[int64](t, db, query.Query, query.Args...))
}

// Nothing is made in a database that is not migrated: what to do is said instead.
func TestNotMigrated(t *testing.T) {
	t.Parallel()
	for _, driver := range drivers {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			db, err := stdsql.Open(driver, pgtest.Empty(t))
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			schema := newSchema(t, wmsql.Config{})
			publisher, err := sql.NewPublisher(db, sql.PublisherConfig{SchemaAdapter: schema, AutoInitializeSchema: true}, watermill.NopLogger{})
			require.NoError(t, err)
			require.ErrorContains(t, publisher.Publish("invoice", numbered(1)), "the database is not migrated: run `contrail migrate`")

			subscriber := newSubscriber(t, db, "mailer", wmsql.Config{})
			require.ErrorContains(t, subscriber.SubscribeInitialize("invoice"), "run `contrail migrate`")
			_, err = subscriber.Subscribe(t.Context(), "invoice")
			require.ErrorContains(t, err, "run `contrail migrate`")
			require.False(t, ask[bool](t, db, `SELECT to_regnamespace('contrail') IS NOT NULL`))
		})
	}
	migrated := open(t, "pgx")
	require.NoError(t, newSubscriber(t, migrated, "mailer", wmsql.Config{}).SubscribeInitialize("invoice"))
}
