package webhook_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/webhook"
)

func TestJSONHasSeconds(t *testing.T) {
	t.Parallel()
	endpoint := webhook.Endpoint{Consumer: durable, URL: "https://example.com/", Timeout: 1500 * time.Millisecond}
	text, err := json.Marshal(endpoint)
	require.NoError(t, err)
	require.Contains(t, string(text), `"timeout_seconds":1.5`)
	require.NotContains(t, string(text), `"timeout":`)
	var read webhook.Endpoint
	require.NoError(t, json.Unmarshal(text, &read))
	require.Equal(t, endpoint, read)
	require.NoError(t, json.Unmarshal([]byte(`{"consumer": "others"}`), &read))
	require.Equal(t, endpoint.Timeout, read.Timeout, "what is not there stays what it was")

	tested := webhook.Tested{Duration: 250 * time.Millisecond, Status: 204}
	text, err = json.Marshal(tested)
	require.NoError(t, err)
	require.Contains(t, string(text), `"duration_seconds":0.25`)
	require.NotContains(t, string(text), `"duration":`)
	var readTested webhook.Tested
	require.NoError(t, json.Unmarshal(text, &readTested))
	require.Equal(t, tested, readTested)
}
