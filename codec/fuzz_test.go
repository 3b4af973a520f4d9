package codec_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
)

// Whatever a store holds is decoded or refused with an error that says which event it is, and never written to.
func FuzzDecode(f *testing.F) {
	f.Add("InvoiceIssued", "3", "", []byte(`{"id":"1","due":"x","total":5}`), false, false)
	f.Add("InvoiceIssued", "1", "", []byte(`{"id":"1","total":"5"}`), false, false)
	f.Add("InvoiceApproved", "1", "", []byte(`{"id":"1","sum":"5"}`), false, false)
	f.Add("InvoiceDraftedAndIssued", "1", "1 May", []byte(`{"ID":"1","Issued":true,"Total":"5"}`), false, false)
	f.Add("InvoiceDrafted", "", "never", []byte(`null`), true, false)
	f.Add("InvoiceViewed", "1", "", []byte(`[[[`), false, true)
	c := newCodec(f, ledger()...)
	f.Fuzz(func(t *testing.T, eventType, schema, day string, data []byte, erased, sealed bool) {
		recorded := contrail.Recorded{
			Stream: contrail.NewStreamID("invoice", "42"), Version: 3, Type: eventType, Data: append([]byte(nil), data...),
			Metadata: contrail.Metadata{contrail.KeySchemaVersion: schema, "day": day, "old_day": day}, Erased: erased, Sealed: sealed && !erased,
		}
		upcast, upcastErr := c.Upcast(recorded)
		values, err := c.Decode(recorded)
		raw, rawErr := c.DecodeOrRaw(recorded)
		require.Equal(t, append([]byte(nil), data...), []byte(recorded.Data))
		require.Equal(t, contrail.Metadata{contrail.KeySchemaVersion: schema, "day": day, "old_day": day}, recorded.Metadata)

		var unknown *codec.UnknownTypeError
		isUnknown := errors.As(err, &unknown)
		require.Equal(t, isUnknown, rawErr == nil && err != nil)
		switch {
		case err == nil:
			require.NoError(t, upcastErr)
			require.Len(t, values, len(upcast))
			require.Equal(t, values, raw)
		case isUnknown:
			require.Equal(t, []contrail.Recorded{recorded}, upcast)
		default:
			var newer *codec.NewerSchemaError
			var wrong *codec.SchemaError
			var failed *codec.DecodeError
			require.True(t, errors.As(err, &newer) || errors.As(err, &wrong) || errors.As(err, &failed), err)
			require.ErrorContains(t, err, "decode invoice-42 version 3")
			require.False(t, erased, err)
		}
	})
}
