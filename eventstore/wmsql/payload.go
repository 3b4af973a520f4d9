package wmsql

import (
	"encoding/base64"
	"encoding/json"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/jsonb"
	"github.com/contrail-events/contrail/internal/wire"
)

// encodedBase64 is what keyPayload says of a payload that is stored as a JSON string.
const encodedBase64 = wire.EncodedBase64

// data is a payload as the data of an event of that type, and the encoding that it was given, if any.
func (a *SchemaAdapter) data(kind string, payload []byte) (data json.RawMessage, encoding string, err error) {
	reason := jsonb.Unfit(payload)
	if reason == "" {
		return payload, "", nil
	}
	if !a.config.AnyPayload {
		reason += "; wmsql.Config.AnyPayload takes payloads that are not JSON"
		return nil, "", &contrail.InvalidError{What: "payload for event type", Value: kind, Reason: reason}
	}
	return []byte(`"` + base64.StdEncoding.EncodeToString(payload) + `"`), encodedBase64, nil
}
