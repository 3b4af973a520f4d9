package wire_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

func TestWatermillMessageTellsTheWholeEvent(t *testing.T) {
	t.Parallel()
	event := sample()
	event.RecordedAt = event.RecordedAt.In(time.FixedZone("", 3600))
	msg := wire.WatermillMessage(event)
	require.Equal(t, "01920000-0000-7000-8000-0000000000aa", msg.UUID)
	require.Equal(t, string(event.Data), string(msg.Payload))
	require.Equal(t, message.Metadata{
		"contrail_id": "01920000-0000-7000-8000-0000000000aa", "contrail_stream": "invoice-42", "contrail_version": "4",
		"contrail_type": "InvoiceDrafted", "contrail_position": "123", "contrail_recorded_at": "2026-11-21T20:15:04.123456Z",
		"tenant_id": "acme", "correlation_id": "c-1", "note": "a \"quoted\" <é>\n",
	}, msg.Metadata)
	require.True(t, msg.Ack()) // it is a whole message

	msg.Metadata.Set("tenant_id", "other")
	require.Equal(t, "acme", event.Metadata["tenant_id"])
}

// One message that was published to two topics is two events, which a broker that knows messages by their UUID must not take for one.
func TestWatermillMessageOfAPublishedOne(t *testing.T) {
	t.Parallel()
	event := sample()
	event.Data = json.RawMessage(`"AAE="`)
	event.Metadata = contrail.Metadata{
		wire.KeyUUID: "01JD", wire.KeyPayload: wire.EncodedBase64, wire.KeyFolded: `{"X-Foo":"bar","contrail_id":"forged"}`,
	}
	msg := wire.WatermillMessage(event)
	require.Equal(t, event.ID.String(), msg.UUID)
	require.Equal(t, "\x00\x01", string(msg.Payload))
	require.Equal(t, "bar", msg.Metadata["X-Foo"])
	require.Equal(t, "01JD", msg.Metadata[wire.KeyUUID])
	require.Equal(t, event.ID.String(), msg.Metadata[wire.KeyID])
	require.NotContains(t, msg.Metadata, wire.KeyPayload)
	require.NotContains(t, msg.Metadata, wire.KeyFolded)
}

// What another program has written under the keys of Watermill's is left as it is.
func TestWatermillMessageOfForeignKeys(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"base64", "gzip"} {
		event := sample()
		event.Metadata = contrail.Metadata{wire.KeyPayload: encoding, wire.KeyFolded: "not JSON"}
		msg := wire.WatermillMessage(event)
		require.Equal(t, string(event.Data), string(msg.Payload))
		require.Equal(t, "not JSON", msg.Metadata[wire.KeyFolded])
	}
}
