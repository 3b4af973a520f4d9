package wmsql_test

import (
	"context"
	stdsql "database/sql"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-sql/v3/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/lib/pq"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/wmsql"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// drivers are those of database/sql that the package promises to work with.
var drivers = []string{"pgx", "postgres"}

// patience is how long a test waits for what must come.
const patience = 15 * time.Second

// open returns a migrated database of the test's own.
func open(tb testing.TB, driver string) *stdsql.DB {
	tb.Helper()
	db, err := stdsql.Open(driver, pgtest.NewURL(tb))
	require.NoError(tb, err)
	db.SetMaxOpenConns(100) // of 300, and no more than two tests run at once on most machines
	db.SetMaxIdleConns(20)
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	return db
}

func newSchema(tb testing.TB, cfg wmsql.Config) *wmsql.SchemaAdapter {
	tb.Helper()
	schema, err := wmsql.NewSchemaAdapter(cfg)
	require.NoError(tb, err)
	return schema
}

func newPublisher(tb testing.TB, db sql.ContextExecutor, cfg wmsql.Config) *sql.Publisher {
	tb.Helper()
	publisher, err := sql.NewPublisher(db, sql.PublisherConfig{SchemaAdapter: newSchema(tb, cfg)}, watermill.NopLogger{})
	require.NoError(tb, err)
	return publisher
}

func newSubscriber(tb testing.TB, db sql.Beginner, group string, cfg wmsql.Config) *sql.Subscriber {
	tb.Helper()
	subscriber, err := sql.NewSubscriber(db, sql.SubscriberConfig{
		ConsumerGroup:  group,
		PollInterval:   5 * time.Millisecond,
		ResendInterval: 5 * time.Millisecond,
		RetryInterval:  50 * time.Millisecond,
		SchemaAdapter:  newSchema(tb, cfg),
		OffsetsAdapter: wmsql.OffsetsAdapter{},
	}, watermill.NopLogger{})
	require.NoError(tb, err)
	return subscriber
}

// subscribe reads a topic until the end of the test, and leaves the acknowledging to the caller.
func subscribe(tb testing.TB, db *stdsql.DB, topic, group string, cfg wmsql.Config) <-chan *message.Message {
	tb.Helper()
	subscriber := newSubscriber(tb, db, group, cfg)
	messages, err := subscriber.Subscribe(context.WithoutCancel(tb.Context()), topic)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, subscriber.Close()) })
	return messages
}

// waiting is what a test and a check of rapid's have in common.
type waiting interface {
	require.TestingT
	Helper()
}

// next is one message, acknowledged.
func next(tb waiting, messages <-chan *message.Message) *message.Message {
	tb.Helper()
	select {
	case msg := <-messages:
		require.NotNil(tb, msg, "the subscriber has ended")
		msg.Ack()
		return msg
	case <-time.After(patience):
		require.Fail(tb, "no message came")
		return nil
	}
}

// take is the next n messages.
func take(tb testing.TB, messages <-chan *message.Message, n int) (taken message.Messages) {
	tb.Helper()
	for range n {
		taken = append(taken, next(tb, messages))
	}
	return taken
}

// requireSilence tells that nothing comes for as long as twenty polls take.
func requireSilence(tb testing.TB, messages <-chan *message.Message) {
	tb.Helper()
	select {
	case msg := <-messages:
		require.Fail(tb, "a message came that should not", "%s %s", msg.UUID, msg.Metadata)
	case <-time.After(100 * time.Millisecond):
	}
}

// inTx publishes, or appends, in a transaction that it commits.
func inTx(tb testing.TB, db *stdsql.DB, do func(tx *stdsql.Tx)) {
	tb.Helper()
	tx, err := db.BeginTx(tb.Context(), nil)
	require.NoError(tb, err)
	defer func() { _ = tx.Rollback() }()
	do(tx)
	require.NoError(tb, tx.Commit())
}

func appendSQL(tb testing.TB, tx *stdsql.Tx, stream string, events ...contrail.Event) []contrail.Recorded {
	tb.Helper()
	store, err := eventstore.New(eventstore.Config{})
	require.NoError(tb, err)
	id, err := contrail.ParseStreamID(stream)
	require.NoError(tb, err)
	recorded, err := store.AppendSQL(tb.Context(), tx, id, eventstore.Any, events...)
	require.NoError(tb, err)
	return recorded
}

// ask is one value.
func ask[T any](tb testing.TB, db *stdsql.DB, query string, args ...any) (value T) {
	tb.Helper()
	require.NoError(tb, db.QueryRowContext(tb.Context(), query, args...).Scan(&value))
	return value
}
