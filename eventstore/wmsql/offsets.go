package wmsql

import (
	"github.com/ThreeDotsLabs/watermill-sql/v3/pkg/sql"

	"github.com/contrail-events/contrail"
)

const (
	// newGroupSQL comes before the first read, since a row that is not there can't be locked. It looks first: ON CONFLICT by itself would
	// wait for the end of a transaction in which another member of the group has moved the offset.
	newGroupSQL = `INSERT INTO contrail.offsets (topic, consumer_group, position)
SELECT $1::text, $2::text, $3::bigint WHERE NOT EXISTS (SELECT FROM contrail.offsets WHERE topic = $1::text AND consumer_group = $2::text)
ON CONFLICT DO NOTHING`

	// nextOffsetSQL locks one row by primary key.
	nextOffsetSQL = `SELECT position FROM contrail.offsets WHERE topic = $1 AND consumer_group = $2 FOR UPDATE`

	// ackSQL updates the row that the transaction has locked.
	ackSQL = `UPDATE contrail.offsets SET position = $3, updated_at = clock_timestamp() WHERE topic = $1 AND consumer_group = $2`
)

// OffsetsAdapter keeps the offsets of consumer groups in contrail.offsets, one row for each group of a topic. The zero value works.
type OffsetsAdapter struct {
	// After is where a group begins that has never read the topic: with the first event above it. Zero means with the first of all;
	// [eventstore.Horizon] is the answer for "from now on".
	After contrail.Position
}

var _ sql.OffsetsAdapter = OffsetsAdapter{}

// NextOffsetQuery locks the group's row and returns the position of the last event that the group is done with. The [SchemaAdapter]'s
// SelectQuery does so by itself.
func (a OffsetsAdapter) NextOffsetQuery(topic, consumerGroup string) sql.Query {
	return sql.Query{Query: nextOffsetSQL, Args: []any{topic, consumerGroup}}
}

// AckMessageQuery moves the group's offset to the row's position.
func (a OffsetsAdapter) AckMessageQuery(topic string, row sql.Row, consumerGroup string) sql.Query {
	return sql.Query{Query: ackSQL, Args: []any{topic, consumerGroup, row.Offset}}
}

// ConsumedMessageQuery is empty: the group's row is locked from before the first message until the end of the transaction.
func (a OffsetsAdapter) ConsumedMessageQuery(string, sql.Row, string, []byte) sql.Query {
	return sql.Query{}
}

// SchemaInitializingQueries is empty: the [SchemaAdapter]'s speak for both.
func (a OffsetsAdapter) SchemaInitializingQueries(string) []sql.Query { return nil }

// BeforeSubscribingQueries inserts the group's row if there is none, and fails with a sentence where the database is not migrated.
func (a OffsetsAdapter) BeforeSubscribingQueries(topic, consumerGroup string) []sql.Query {
	return []sql.Query{{Query: migratedSQL}, {Query: newGroupSQL, Args: []any{topic, consumerGroup, int64(a.After)}}}
}
