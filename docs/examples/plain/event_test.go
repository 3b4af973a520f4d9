package plain_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/docs/examples/plain"
	"github.com/contrail-events/contrail/publisher"
)

// Both formats of a relay say the same.
func TestEventIsReadInEitherFormat(t *testing.T) {
	t.Parallel()
	for _, format := range []publisher.Format{publisher.Structured, publisher.Binary} {
		t.Run(format.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, publisher.Config{Format: format, Name: "billing"})
			arrived := make(chan plain.Event, 1)
			w.consume(t, plain.Config{}, func(_ context.Context, _ *sql.Tx, e plain.Event) error {
				arrived <- e
				return nil
			})
			w.record(t, "order-ä", "OrderPlaced", `{"total": "19.80"}`)
			e := receive(t, arrived)
			require.Equal(t, "order-ä", e.Subject)
			require.Equal(t, "order", e.Category())
			require.Equal(t, "OrderPlaced", e.Type)
			require.Equal(t, "t 1", e.TenantID)
			require.Regexp(t, `^/contrail/billing/[0-9a-f-]{36}$`, e.Source)
			require.Len(t, e.Sequence, 20)
			require.EqualValues(t, 1, e.StreamVersion)
			require.WithinDuration(t, time.Now(), e.Time, time.Hour)
			require.JSONEq(t, `{"total": "19.80"}`, string(e.Data))
			position, err := e.Position()
			require.NoError(t, err)
			require.EqualValues(t, 1, position)
		})
	}
}

func TestWhatIsNotAnEventIsAnError(t *testing.T) {
	t.Parallel()
	for name, message := range map[string]nats.Msg{
		"not JSON":     {Data: []byte("hello")},
		"not an event": {Data: []byte(`{"hello":"world"}`)},
		"no position":  {Data: []byte(`{"specversion":"1.0","id":"1","type":"A","sequence":"one"}`)},
		"bad escape":   {Header: nats.Header{"ce-specversion": {"1.0"}, "ce-id": {"%zz"}}},
	} {
		_, err := plain.ReadEvent(message.Header, message.Data)
		require.ErrorContains(t, err, "not an event", name)
	}
}
