// Package wmjetstream is a Watermill publisher for NATS JetStream, for any code that publishes with Watermill: a router's handlers, the CQRS
// component, the forwarder, a poison queue.
//
//	publisher, err := wmjetstream.New(js, wmjetstream.Config{}) // zero Config works
//	err = publisher.Publish("orders", first, second, third)      // on subject orders; returns when all three are stored
//
// What it publishes by default, any subscriber of watermill-nats reads without further settings.
//
// # Guarantees
//
//   - When Publish returns nil, the broker has acknowledged every message: it is stored, as safely as the stream's configuration says.
//   - The messages of one Publish are stored in their order. They are sent without waiting in between (see [Config.InFlight]), so that a
//     thousand of them take about as long as one or two; the client never sends one of them again by itself, behind later ones.
//   - What fails is told with a [*PublishError]: which message, why, what to do, and how many are stored. Later messages are not sent. Those
//     that were on their way by then may be stored; [Config.InFlight] 1 rules that out.
//   - Each message carries its UUID as Nats-Msg-Id, so that Publish can simply be called again with the same messages: within the stream's
//     duplicate window (two minutes, unless the stream says otherwise) the broker leaves out what it has.
//
// The last point has a reverse side: two messages of one UUID, published to two topics of the same stream or published anew by a poison
// queue, are one message to the broker, and the second is gone. Give them different ids by [Config.MsgID], or their topics different streams.
//
// # Metadata
//
// The default marshaler makes a header of each key of a message's metadata. A header can't hold everything: line breaks, white space around
// the value, or a key with spaces or letters beyond ASCII. Such a message is refused, not changed in silence; watermill-nats' JSONMarshaler
// carries any metadata. Keys that begin with Nats- speak to the broker: Nats-Expected-Last-Sequence, say, makes it refuse the message unless
// the stream ends there.
//
// A relay of the event store needs none of this: it has a sink of its own, which depends on no duplicate window.
package wmjetstream
