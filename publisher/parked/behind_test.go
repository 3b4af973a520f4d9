package parked_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/publisher/parked"
)

func TestBehindCountsWhatIsHeld(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	l.park("invoice-1", parked.Parked)
	l.park("invoice-1", parked.Held)
	l.park("invoice-1", parked.Held)
	l.park("invoice-2", parked.Parked)
	l.park("invoice-3", parked.Held)
	l.exec(`INSERT INTO contrail.relays (stream) VALUES ('OTHER')`)
	l.leaveOut("OTHER", l.append("invoice-2"), parked.Held, parked.ReasonHeld)

	one, two, none := contrail.NewStreamID("invoice", "1"), contrail.NewStreamID("invoice", "2"), contrail.NewStreamID("invoice", "9")
	held, err := parked.Behind(t.Context(), l.pool, "EVENTS", one, two, none)
	require.NoError(t, err)
	require.Equal(t, map[contrail.StreamID]int64{one: 2}, held)

	held, err = parked.Behind(t.Context(), l.pool, "EVENTS")
	require.NoError(t, err)
	require.Empty(t, held)
}
