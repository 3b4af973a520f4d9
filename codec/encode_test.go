package codec_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
)

type personal struct {
	Contact  string
	metadata contrail.Metadata
}

func (personal) EventType() string                  { return "ContactCreated" }
func (p personal) DataSubject() string              { return "contact-" + p.Contact }
func (p personal) EventMetadata() contrail.Metadata { return p.metadata }

func TestEncode(t *testing.T) {
	t.Parallel()
	c := newCodec(t, append(ledger(), codec.Type[personal]())...)
	for _, test := range []struct {
		payload contrail.Payload
		want    contrail.Event
	}{
		{renamed{"x"}, contrail.Event{Type: "ContactRenamed", Data: renamed{"x"}}},
		{drafted{Day: "1 May"}, contrail.Event{Type: "InvoiceDrafted", Data: drafted{Day: "1 May"}, Metadata: contrail.Metadata{"day": "1 May"}}},
		{issued{ID: "1"}, contrail.Event{Type: "InvoiceIssued", Data: issued{ID: "1"}, Metadata: contrail.Metadata{"schema_version": "3"}}},
		{&issued{ID: "1"}, contrail.Event{Type: "InvoiceIssued", Data: &issued{ID: "1"}, Metadata: contrail.Metadata{"schema_version": "3"}}},
		{personal{Contact: "1"}, contrail.Event{Type: "ContactCreated", Data: personal{Contact: "1"}, DataSubject: "contact-1"}},
	} {
		event, err := c.Encode(test.payload)
		require.NoError(t, err)
		require.Equal(t, test.want, event)
	}
}

// What the codec knows of the schema goes before what a payload says, and the payload's own map is not written to.
func TestEncodeSaysTheSchemaItself(t *testing.T) {
	t.Parallel()
	own := contrail.Metadata{contrail.KeySchemaVersion: "7", "a": "b"}
	for schema, want := range map[int]contrail.Metadata{1: {"a": "b"}, 2: {contrail.KeySchemaVersion: "2", "a": "b"}} {
		registrations := []codec.Registration{codec.Type[personal](codec.Schema(schema))}
		if schema == 2 {
			registrations = append(registrations, codec.Upcast("ContactCreated", 1))
		}
		event, err := newCodec(t, registrations...).Encode(personal{metadata: own})
		require.NoError(t, err)
		require.Equal(t, want, event.Metadata)
	}
	require.Equal(t, contrail.Metadata{contrail.KeySchemaVersion: "7", "a": "b"}, own)
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	c := newCodec(t, ledger()...)
	for want, payload := range map[string]contrail.Payload{
		`encode nil: it is not registered as event type "": add codec.Type for it`:                                   nil,
		`encode codec_test.unnamed: it is not registered as event type "": add codec.Type for it`:                    unnamed{},
		`encode codec_test.otherDrafted: it is not registered as event type "InvoiceDrafted": add codec.Type for it`: otherDrafted{},
		`encode codec_test.personal: it is not registered as event type "ContactCreated": add codec.Type for it`:     personal{},
		`encode codec.Raw: it is not registered as event type "InvoiceApproved": add codec.Type for it`:              codec.Raw{stored("InvoiceApproved", 1, "{}")},
	} {
		_, err := c.Encode(payload)
		require.EqualError(t, err, want)
		require.ErrorAs(t, err, new(*codec.UnregisteredError))
	}
	_, err := c.Encode((*issued)(nil))
	require.ErrorAs(t, err, new(*codec.UnregisteredError))
	_, err = new(codec.Codec).Encode(issued{})
	require.ErrorAs(t, err, new(*codec.UnregisteredError))
}

func TestWhatIsEncodedIsDecoded(t *testing.T) {
	t.Parallel()
	c := newCodec(t, ledger()...)
	for _, payload := range []contrail.Payload{drafted{"1", "EUR", "1 May"}, issued{"1", "x", 9}, renamed{"y"}} {
		event, err := c.Encode(payload)
		require.NoError(t, err)
		data, err := json.Marshal(event.Data)
		require.NoError(t, err)
		values, err := c.Decode(contrail.Recorded{Type: event.Type, Data: data, Metadata: event.Metadata})
		require.NoError(t, err)
		require.Equal(t, []contrail.Payload{payload}, values)
	}
}
