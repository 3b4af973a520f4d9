package subscribers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore/wmsql"
	"github.com/contrail-events/contrail/internal/wire"
)

// outbox stands for the event store and the relay: what is published to it through Watermill becomes the events that wmsql makes, and these the
// messages that the relay makes.
type outbox struct {
	js     jetstream.JetStream
	schema *wmsql.SchemaAdapter
	format wire.Format

	mu       sync.Mutex
	position contrail.Position
	versions map[string]int64
	streams  map[uuid.UUID]string // of the events that there are
}

func newOutbox(tb testing.TB, js jetstream.JetStream, format wire.Format) *outbox {
	tb.Helper()
	schema, err := wmsql.NewSchemaAdapter(wmsql.Config{AnyPayload: true})
	require.NoError(tb, err)
	_, err = js.CreateStream(tb.Context(), jetstream.StreamConfig{Name: wire.DefaultStream, Subjects: []string{"events.>"}})
	require.NoError(tb, err)
	return &outbox{js: js, schema: schema, format: format, versions: map[string]int64{}, streams: map[uuid.UUID]string{}}
}

// entry is what wmsql gives to the database.
type entry struct {
	published

	Stream string          `json:"stream"`
	Type   string          `json:"type"`
	Data   json.RawMessage `json:"data"`
	Copy   *published      `json:"copy"`
}

type published struct {
	ID       uuid.UUID         `json:"id"`
	Metadata contrail.Metadata `json:"metadata"`
}

// Publish is that of Watermill's message.Publisher.
func (o *outbox) Publish(topic string, messages ...*message.Message) error {
	query, err := o.schema.InsertQuery(topic, messages)
	if err != nil {
		return err
	}
	text, ok := query.Args[0].(string)
	if !ok {
		return fmt.Errorf("wmsql gives the database a %T", query.Args[0])
	}
	var entries []entry
	if err := json.Unmarshal([]byte(text), &entries); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range entries {
		if err := o.relay(e); err != nil {
			return err
		}
	}
	return nil
}

// relay does as contrail.publish does with an id that is taken by another stream's event.
func (o *outbox) relay(e entry) error {
	if taken := o.streams[e.ID]; taken != "" && taken != e.Stream && e.Copy != nil {
		e.published = *e.Copy
	}
	if o.streams[e.ID] != "" {
		return nil
	}
	stream, err := contrail.ParseStreamID(e.Stream)
	if err != nil {
		return err
	}
	o.position++
	o.versions[e.Stream]++
	o.streams[e.ID] = e.Stream
	event := contrail.Recorded{
		Position: o.position, ID: e.ID, Stream: stream, Version: o.versions[e.Stream], Type: e.Type, Data: e.Data,
		Metadata: e.Metadata, RecordedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
	msg := &nats.Msg{Subject: wire.Subject(wire.DefaultPrefix, event), Header: nats.Header{}}
	if o.format == wire.Binary {
		msg.Data = event.Data
		wire.BinaryHeader(msg.Header, source, event)
	} else {
		msg.Data = wire.Append(nil, source, event)
		msg.Header.Set(wire.HeaderContentType, wire.ContentType)
	}
	_, err = o.js.PublishMsg(context.Background(), msg, jetstream.WithMsgID(event.ID.String()))
	return err
}

// Close is that of Watermill's message.Publisher.
func (o *outbox) Close() error { return nil }
