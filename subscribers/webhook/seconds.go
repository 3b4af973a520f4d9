package webhook

import (
	"encoding/json"
	"math"
	"time"
)

// endpointJSON is an endpoint with its durations in seconds, as the ledger writes them.
type endpointJSON struct {
	endpointFields

	Timeout float64 `json:"timeout_seconds"`
}

type endpointFields Endpoint // without its methods

// MarshalJSON writes Timeout in seconds, as timeout_seconds.
func (e Endpoint) MarshalJSON() ([]byte, error) {
	return json.Marshal(endpointJSON{endpointFields(e), e.Timeout.Seconds()}) //nolint:wrapcheck // whoever marshals wraps it
}

// UnmarshalJSON reads what MarshalJSON writes.
func (e *Endpoint) UnmarshalJSON(text []byte) error {
	read := endpointJSON{endpointFields(*e), e.Timeout.Seconds()}
	if err := json.Unmarshal(text, &read); err != nil {
		return err //nolint:wrapcheck // whoever unmarshals wraps it
	}
	*e = Endpoint(read.endpointFields)
	e.Timeout = ofSeconds(read.Timeout)
	return nil
}

// testedJSON is a test with its duration in seconds.
type testedJSON struct {
	testedFields

	Duration float64 `json:"duration_seconds"`
}

type testedFields Tested

// MarshalJSON writes Duration in seconds, as duration_seconds.
func (t Tested) MarshalJSON() ([]byte, error) {
	return json.Marshal(testedJSON{testedFields(t), t.Duration.Seconds()}) //nolint:wrapcheck // whoever marshals wraps it
}

// UnmarshalJSON reads what MarshalJSON writes.
func (t *Tested) UnmarshalJSON(text []byte) error {
	read := testedJSON{testedFields(*t), t.Duration.Seconds()}
	if err := json.Unmarshal(text, &read); err != nil {
		return err //nolint:wrapcheck // whoever unmarshals wraps it
	}
	*t = Tested(read.testedFields)
	t.Duration = ofSeconds(read.Duration)
	return nil
}

func ofSeconds(seconds float64) time.Duration {
	return time.Duration(math.Round(seconds * float64(time.Second)))
}
