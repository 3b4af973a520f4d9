package codec_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
)

func TestDecodeErrors(t *testing.T) {
	t.Parallel()
	c := newCodec(t, ledger()...)
	stream := contrail.NewStreamID("invoice", "42")

	_, err := c.Decode(stored("SomethingElse", 1, `{}`))
	var unknown *codec.UnknownTypeError
	require.ErrorAs(t, err, &unknown)
	require.Equal(t, codec.UnknownTypeError{stream, 3, "SomethingElse"}, *unknown)
	require.EqualError(t, err, `decode invoice-42 version 3: event type "SomethingElse" is unknown here: upgrade this program, or upcast the event`)

	for _, test := range []struct {
		recorded contrail.Recorded
		known    int
	}{{stored("InvoiceIssued", 4, `{}`), 3}, {stored("InvoiceApproved", 4, `{}`), 2}, {stored("InvoiceViewed", 4, `{}`), 1}} {
		for _, err := range bothErrors(c, test.recorded) {
			var newer *codec.NewerSchemaError
			require.ErrorAs(t, err, &newer)
			require.Equal(t, codec.NewerSchemaError{stream, 3, test.recorded.Type, 4, test.known}, *newer)
		}
	}
	_, err = c.Decode(stored("InvoiceIssued", 4, `{}`))
	require.EqualError(t, err, "decode invoice-42 version 3: InvoiceIssued schema 4 was written by a newer program, "+
		"schema 3 is the newest known here: upgrade this program")

	_, err = c.Decode(stored("InvoiceIssued", 3, `{"total":"5"}`))
	require.ErrorContains(t, err, "decode invoice-42 version 3, InvoiceIssued schema 3: json: cannot unmarshal string")
	var cause *json.UnmarshalTypeError
	require.ErrorAs(t, err, &cause)
	var failed *codec.DecodeError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, codec.DecodeError{stream, 3, "InvoiceIssued", 3, failed.Err}, *failed)

	recorded := stored("InvoiceDrafted", 1, `{}`)
	recorded.Metadata["day"] = "never"
	values, err := c.Decode(recorded)
	require.ErrorIs(t, err, errNoDay)
	require.Nil(t, values)
}

func bothErrors(c *codec.Codec, recorded contrail.Recorded) []error {
	_, decodeErr := c.Decode(recorded)
	_, upcastErr := c.Upcast(recorded)
	return []error{decodeErr, upcastErr}
}

func TestSchemaOf(t *testing.T) {
	t.Parallel()
	c := newCodec(t, ledger()...)
	for value, want := range map[string]int{"1": 1, "2": 2, "3": 3} {
		recorded := stored("InvoiceIssued", 1, `{"total":"5"}`)
		recorded.Metadata[contrail.KeySchemaVersion] = value
		schema, err := codec.SchemaOf(recorded)
		require.NoError(t, err)
		require.Equal(t, want, schema)
	}
	schema, err := codec.SchemaOf(contrail.Recorded{})
	require.NoError(t, err)
	require.Equal(t, 1, schema)
	for _, value := range []string{"", "0", "-1", "+1", "01", "1.0", "one", " 1", "99999999999999999999"} {
		recorded := stored("InvoiceIssued", 1, `{}`)
		recorded.Metadata[contrail.KeySchemaVersion] = value
		for _, err := range bothErrors(c, recorded) {
			var wrong *codec.SchemaError
			require.ErrorAs(t, err, &wrong, value)
			require.Equal(t, codec.SchemaError{recorded.Stream, 3, "InvoiceIssued", value}, *wrong)
		}
	}
	recorded := stored("InvoiceIssued", 1, `{}`)
	recorded.Metadata[contrail.KeySchemaVersion] = "one"
	_, err = codec.SchemaOf(recorded)
	require.EqualError(t, err, `decode invoice-42 version 3, InvoiceIssued: metadata schema_version is "one": it must be a whole number from 1`)
}

func TestSealed(t *testing.T) {
	t.Parallel()
	c := newCodec(t, ledger()...)
	for _, recorded := range []contrail.Recorded{stored("InvoiceIssued", 3, `{"ciphertext":"x"}`), stored("InvoiceIssued", 1, `{"ciphertext":"x"}`)} {
		recorded.Sealed = true
		_, err := c.Decode(recorded)
		require.ErrorIs(t, err, codec.ErrSealed)
		require.ErrorContains(t, err, "InvoiceIssued schema "+map[bool]string{true: "3", false: "1"}[recorded.Metadata[contrail.KeySchemaVersion] == "3"])
	}
	today := stored("InvoiceIssued", 3, `{"ciphertext":"x"}`)
	today.Sealed = true
	upcast, err := c.Upcast(today)
	require.NoError(t, err)
	require.Equal(t, []contrail.Recorded{today}, upcast)

	old := stored("InvoiceApproved", 1, `{"ciphertext":"x"}`)
	old.Sealed = true
	_, err = c.Upcast(old)
	require.ErrorIs(t, err, codec.ErrSealed)
}

// An aggregate must be able to go on, whatever an event that was erased once said.
func TestErased(t *testing.T) {
	t.Parallel()
	c := newCodec(t, ledger()...)
	for name, test := range map[string]struct {
		recorded contrail.Recorded
		want     []contrail.Payload
		types    []string
	}{
		"today's":               {stored("InvoiceIssued", 3, `null`), []contrail.Payload{issued{}}, []string{"InvoiceIssued"}},
		"old":                   {stored("InvoiceIssued", 1, `null`), []contrail.Payload{issued{}}, []string{"InvoiceIssued"}},
		"newer":                 {stored("InvoiceIssued", 9, `null`), []contrail.Payload{issued{}}, []string{"InvoiceIssued"}},
		"renamed":               {stored("InvoiceApproved", 1, `null`), []contrail.Payload{issued{}}, []string{"InvoiceIssued"}},
		"renamed, newer":        {stored("InvoiceApproved", 9, `null`), []contrail.Payload{issued{}}, []string{"InvoiceIssued"}},
		"with data in metadata": {stored("InvoiceDrafted", 1, `null`), []contrail.Payload{drafted{Day: "1 May"}}, []string{"InvoiceDrafted"}},
		"split": {
			stored("InvoiceDraftedAndIssued", 1, `null`), []contrail.Payload{drafted{Day: "1 May"}, issued{}}, []string{"InvoiceDrafted", "InvoiceIssued"},
		},
		"dropped": {stored("InvoiceViewed", 1, `null`), []contrail.Payload{}, nil},
	} {
		test.recorded.Erased, test.recorded.Metadata["day"] = true, "1 May"
		values, err := c.Decode(test.recorded)
		require.NoError(t, err, name)
		require.Equal(t, test.want, values, name)
		upcast, err := c.Upcast(test.recorded)
		require.NoError(t, err, name)
		var types []string
		for _, event := range upcast {
			types = append(types, event.Type)
			require.True(t, event.Erased, name)
			require.Equal(t, "null", string(event.Data), name)
		}
		require.Equal(t, test.types, types, name)
	}
	recorded := stored("InvoiceDrafted", 1, `null`)
	recorded.Erased = true
	recorded.Metadata = contrail.Metadata{"day": "never", contrail.KeySchemaVersion: "one"}
	values, err := c.Decode(recorded)
	require.NoError(t, err)
	require.Equal(t, []contrail.Payload{drafted{}}, values)

	recorded.Type = "SomethingElse"
	_, err = c.Decode(recorded)
	require.ErrorAs(t, err, new(*codec.UnknownTypeError))
}

func TestDecodeAs(t *testing.T) {
	t.Parallel()
	c := newCodec(t, ledger()...)
	events, err := codec.DecodeAs[invoiceEvent](c, stored("InvoiceDraftedAndIssued", 1, `{"ID":"1","Total":"5","Issued":true}`))
	require.NoError(t, err)
	require.Equal(t, []invoiceEvent{drafted{ID: "1", Currency: "EUR"}, issued{"1", "2021-01-31", 5}}, events)

	one, err := codec.DecodeAs[issued](c, stored("InvoiceApproved", 2, `{"id":"1","sum":"5"}`))
	require.NoError(t, err)
	require.Equal(t, []issued{{"1", "2021-01-31", 5}}, one)

	_, err = codec.DecodeAs[invoiceEvent](c, stored("ContactRenamed", 1, `{}`))
	var unexpected *codec.UnexpectedTypeError
	require.ErrorAs(t, err, &unexpected)
	require.EqualError(t, err, `decode invoice-42 version 3: event type "ContactRenamed" is codec_test.renamed, which is no codec_test.invoiceEvent: see who appends it to this stream`)

	_, err = codec.DecodeAs[invoiceEvent](c, stored("SomethingElse", 1, `{}`))
	require.ErrorAs(t, err, new(*codec.UnknownTypeError))
}

func TestDecodeOrRaw(t *testing.T) {
	t.Parallel()
	c := newCodec(t, ledger()...)
	unknown := stored("SomethingElse", 2, `{"a":1}`)
	values, err := c.DecodeOrRaw(unknown)
	require.NoError(t, err)
	require.Equal(t, []contrail.Payload{codec.Raw{unknown}}, values)
	require.Equal(t, "SomethingElse", values[0].EventType())

	values, err = c.DecodeOrRaw(stored("InvoiceIssued", 3, `{"id":"1"}`))
	require.NoError(t, err)
	require.Equal(t, []contrail.Payload{issued{ID: "1"}}, values)

	_, err = c.DecodeOrRaw(stored("InvoiceIssued", 4, `{}`))
	require.ErrorAs(t, err, new(*codec.NewerSchemaError))
	_, err = c.DecodeOrRaw(stored("InvoiceIssued", 3, `[]`))
	require.ErrorAs(t, err, new(*codec.DecodeError))
}
