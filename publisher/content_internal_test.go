package publisher

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

func recorded() contrail.Recorded {
	return contrail.Recorded{
		Position: 7, ID: uuid.MustParse("0192f0c1-0000-7000-8000-000000000007"), Stream: contrail.NewStreamID("invoice", "42"), Version: 3,
		RecordedAt: time.Date(2026, 11, 21, 20, 15, 4, 123456000, time.UTC),
		Type:       "InvoiceDrafted", Data: json.RawMessage(`{"total": "12.50"}`),
		// a_z sorts before ab, and az behind it
		Metadata: contrail.Metadata{"a_z": "1", "ab": "2", contrail.KeyCorrelationID: "Zürich, 100 %", "own_key": "x"},
	}
}

// The content of an event is that of the message that was made of it, in either format.
func TestContentIsTheMessages(t *testing.T) {
	t.Parallel()
	event := recorded()
	structured, err := wire.DecodeMessage(nil, wire.Append(nil, "/contrail/billing/1", event))
	require.NoError(t, err)
	require.Equal(t, contentOf(event), contentOf(structured.Recorded))

	header := map[string][]string{}
	wire.BinaryHeader(header, "/contrail/1", event)
	binary, err := wire.DecodeMessage(header, event.Data)
	require.NoError(t, err)
	require.Equal(t, contentOf(event), contentOf(binary.Recorded))
}

func TestContentChangesWithWhateverChanges(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*contrail.Recorded){
		"position": func(e *contrail.Recorded) { e.Position++ },
		"id":       func(e *contrail.Recorded) { e.ID[15]++ },
		"stream":   func(e *contrail.Recorded) { e.Stream = contrail.NewStreamID("invoice", "43") },
		"version":  func(e *contrail.Recorded) { e.Version++ },
		"type":     func(e *contrail.Recorded) { e.Type = "InvoiceIssued" },
		"time":     func(e *contrail.Recorded) { e.RecordedAt = e.RecordedAt.Add(time.Microsecond) },
		"data":     func(e *contrail.Recorded) { e.Data = json.RawMessage(`{"total": "12.51"}`) },
		"value":    func(e *contrail.Recorded) { e.Metadata["ab"] = "3" },
		"key":      func(e *contrail.Recorded) { e.Metadata["ac"] = "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := recorded()
			change(&changed)
			require.NotEqual(t, contentOf(recorded()), contentOf(changed))
		})
	}
}
