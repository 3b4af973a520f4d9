package wmsql

import (
	"encoding/base64"
	"encoding/json"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/jsonb"
)

// encodedBase64 is what keyPayload says of a payload that is stored as a JSON string.
const encodedBase64 = "base64"

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

// payload is what data was given. Data that is not what keyPayload says is left alone: another program has written it.
func payload(data json.RawMessage, encoding string) []byte {
	if encoding != encodedBase64 {
		return data
	}
	var decoded []byte
	if err := json.Unmarshal(data, &decoded); err != nil {
		return data
	}
	return decoded
}
