package wmsql

import (
	stdsql "database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill-sql/v3/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
)

// publishSQL locks nothing but the rows it inserts; where another transaction has the next version of a stream, it waits for its end.
const publishSQL = `SELECT contrail.publish($1::jsonb)`

// nextSQL locks the group's row. One call takes the horizon first and selects second; a plain SELECT that did both would lose events.
const nextSQL = `SELECT position, id::text, stream, version, type, data, metadata, recorded_at
FROM contrail.next_events($1::text, $2::text, $3::jsonb, $4::int) ORDER BY position`

// migratedSQL fails with a sentence where the tables or functions of this package are missing.
const migratedSQL = `DO $$ BEGIN
  IF to_regprocedure('contrail.publish(jsonb)') IS NULL OR to_regprocedure('contrail.next_events(text, text, jsonb, integer)') IS NULL THEN
    RAISE EXCEPTION 'the database is not migrated: run ` + "`contrail migrate`" + `' USING ERRCODE = 'undefined_table';
  END IF;
END $$`

// SchemaAdapter makes Watermill's SQL publisher and subscriber work on contrail.events. The subscriber needs an [OffsetsAdapter] with it. It
// serves any number of them, in any number of goroutines.
type SchemaAdapter struct {
	config Config
}

var _ sql.SchemaAdapter = (*SchemaAdapter)(nil)

// NewSchemaAdapter returns an adapter, or an error that names every faulty field of cfg.
func NewSchemaAdapter(cfg Config) (*SchemaAdapter, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &SchemaAdapter{config: cfg.withDefaults()}, nil
}

// InsertQuery appends the messages, in their order, in one round trip. The error is a [*contrail.InvalidError], wrapped with the
// message's UUID, for a stream, type, metadata or payload that can't be stored; nothing was sent to the database then.
func (a *SchemaAdapter) InsertQuery(topic string, msgs message.Messages) (sql.Query, error) {
	filter, err := a.filter(topic)
	if err != nil {
		return sql.Query{}, fmt.Errorf("publish to topic %s: %w", topic, err)
	}
	entries := make([]entry, len(msgs))
	for i, msg := range msgs {
		made, err := a.entry(destination{topic, filter}, msg)
		if err != nil {
			return sql.Query{}, fmt.Errorf("publish message %q to topic %s: %w", msg.UUID, topic, err)
		}
		entries[i] = made
	}
	batch, err := json.Marshal(entries)
	if err != nil {
		return sql.Query{}, fmt.Errorf("publish to topic %s: marshal: %w", topic, err)
	}
	return sql.Query{Query: publishSQL, Args: []any{string(batch)}}, nil
}

// SelectQuery asks for the next events of the topic, up to the horizon. The offset that it reads is that of [OffsetsAdapter], locked until
// the end of the transaction.
func (a *SchemaAdapter) SelectQuery(topic, consumerGroup string, _ sql.OffsetsAdapter) sql.Query {
	filter, err := a.filter(topic)
	chosen := filter.selection()
	if err != nil { // the only way to tell is to let the query fail
		chosen = selection{Fault: fmt.Sprintf("topic %q stands for nothing: %s", topic, err)}
	}
	text, _ := json.Marshal(chosen) //nolint:errchkjson // strings can be marshalled
	return sql.Query{Query: nextSQL, Args: []any{topic, consumerGroup, string(text), a.config.BatchEvents}}
}

// filter is what the topic stands for. A name without a character in it is a mistake, not a way to say "everything".
func (a *SchemaAdapter) filter(topic string) (Filter, error) {
	if strings.Trim(topic, "-") == "" {
		return Filter{}, &contrail.InvalidError{What: "topic", Value: topic, Reason: "is empty"}
	}
	filter := a.config.Topic(topic)
	return filter, filter.validate()
}

// UnmarshalMessage makes a message of a row of SelectQuery.
func (a *SchemaAdapter) UnmarshalMessage(row sql.Scanner) (sql.Row, error) {
	var position, version int64
	var id, stream, kind string
	var data, metadata []byte
	var at time.Time
	if err := row.Scan(&position, &id, &stream, &version, &kind, &data, &metadata, &at); err != nil {
		return sql.Row{}, fmt.Errorf("scan an event: %w", err)
	}
	event := contrail.Recorded{Position: contrail.Position(position), Version: version, Type: kind, Data: data, RecordedAt: at.UTC()}
	var err error
	if event.ID, err = uuid.Parse(id); err != nil {
		return sql.Row{}, fmt.Errorf("position %d: id: %w", position, err)
	}
	if event.Stream, err = contrail.ParseStreamID(stream); err != nil {
		return sql.Row{}, fmt.Errorf("position %d: %w", position, err)
	}
	if err := json.Unmarshal(metadata, &event.Metadata); err != nil {
		return sql.Row{}, fmt.Errorf("position %d: metadata: %w", position, err)
	}
	msg := toMessage(event)
	return sql.Row{Offset: position, UUID: []byte(msg.UUID), Payload: msg.Payload, Metadata: metadata, Msg: msg}, nil
}

// SchemaInitializingQueries changes nothing: it is `contrail migrate`, or [eventstore.Migrate], that makes the tables. Where they are missing
// its query fails, and says so.
func (a *SchemaAdapter) SchemaInitializingQueries(string) []sql.Query {
	return []sql.Query{{Query: migratedSQL}}
}

// SubscribeIsolationLevel is READ COMMITTED: at any higher one the snapshot would be older than the horizon, and events would be lost.
func (a *SchemaAdapter) SubscribeIsolationLevel() stdsql.IsolationLevel {
	return stdsql.LevelReadCommitted
}
