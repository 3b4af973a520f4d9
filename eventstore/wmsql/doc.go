// Package wmsql lets Watermill's own SQL publisher and subscriber (watermill-sql/v3) work on the event store: what is published is
// appended to contrail.events inside the caller's *sql.Tx, and so reaches JetStream through the relay; what is appended, by whomever, can be
// subscribed to.
//
//	schema, err := wmsql.NewSchemaAdapter(wmsql.Config{})  // zero Config works
//	publisher, err := sql.NewPublisher(tx, sql.PublisherConfig{SchemaAdapter: schema}, logger)
//	subscriber, err := sql.NewSubscriber(db, sql.SubscriberConfig{
//		ConsumerGroup: "mailer", SchemaAdapter: schema, OffsetsAdapter: wmsql.OffsetsAdapter{},
//	}, logger)
//
// # Topics
//
// There is one table, and a topic is a selection of its events, whether they came through Watermill or not. [Config.Topic] says which; by
// default it is the name that says it ([ByName]):
//
//	              contrail.events
//	position  stream          type              topic "invoice"    topic "invoice-42"
//	      1   invoice-42      InvoiceDrafted     ◄─ read            ◄─ read
//	      2   payment-7       PaymentReceived
//	      3   invoice-43      InvoiceDrafted     ◄─ read
//	      4   invoice-default WatermillMessage   ◄─ read
//	          ▲
//	          └─ Publish("invoice", …): the stream that KeyStream names, or else invoice-default
//	             Publish("invoice-42", …): the stream invoice-42
//
// # What becomes of a message
//
//   - Its stream is the one that the metadata [KeyStream] names, or [Config.Stream], or by default the one stream of its topic, in
//     which all its messages have one order; transactions that publish to one stream wait for one another, as all do that append
//     to it. A stream that the topic does not hold is refused.
//   - Its type is the one that the metadata [KeyType] names, or [Config.Type], or by default the name that the marshalers of Watermill's CQRS
//     component leave in the metadata: "InvoiceDrafted" of "invoice.InvoiceDrafted". Without any it is [DefaultType].
//   - Its version is the next of the stream.
//   - Its UUID is the event's id, if it is a UUID. Where that is the id of an event in another stream, since one message was published to
//     several topics, and where it is no UUID (a ULID, say), the event gets an id made from stream and UUID. So either way a message that is
//     published to its stream again, with the same type and payload, is recognised and changes nothing; with another it is an error.
//   - Its payload is the event's data. It must be JSON that jsonb can hold, and comes back as jsonb writes it: white space, the order
//     of keys, repeated keys and the writing of numbers may differ. [Config.AnyPayload] takes any bytes.
//   - Its metadata is the event's metadata where Contrail's rules for keys allow; the rest stands as one JSON object under the key
//     watermill_metadata. What comes back is what was published, and what [KeyID] and its neighbours tell. As with
//     [eventstore.Store.Append], metadata in the message's context ([contrail.WithMetadata], OpenTelemetry's active span) goes along, too.
//
// A message that was received and is published again, by a handler, a poison queue or Watermill's Requeuer, is a new event, made once
// however often it is repeated. It goes to the stream it came from if the topic holds that, otherwise to the topic's default stream.
//
// An event that was not published by Watermill comes as a message all the same: its id is the UUID, its data the payload, its metadata the
// metadata. [Recorded] makes an event of a message again. Watermill's event processor knows events by the metadata "name", which such
// a message does not have: give it a marshaler whose NameFromMessage returns the metadata [KeyType]. Nothing is encrypted or decrypted on the way: the data of a person's events comes
// as it is stored, and what is about a person is better appended with the event store.
//
// # Guarantees
//
// A subscriber reads up to the horizon, so that it misses nothing however transactions overlap, in position order. A consumer group has
// one offset, which moves in the transaction in which the messages were handled: what a handler does in that transaction
// (sql.TxFromContext) takes effect exactly once, anything else at least once. Members of a group wait for one another. Know of the
// stock subscriber that it sends a refused message again in the same transaction, and commits when it gives up on one: a
// handler that may fail half-way should roll back to a savepoint of its own. And that a handler which publishes in that transaction
// holds the horizon back for all readers until the whole batch is done: keep [Config.BatchEvents] small there.
//
// # Errors
//
// What can't be stored is refused before the database is asked, with a [*contrail.InvalidError]: a caller's transaction is still good
// then. Everything else comes as the driver reports it. At REPEATABLE READ and above that is a serialization failure (SQLSTATE 40001) where
// another transaction has published to the same stream meanwhile: the caller's has to begin again.
package wmsql
