package publisher

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What depends on the heartbeat keeps what is promised: obedience within six seconds, and a vanished leader replaced within 15.
func TestPromisesAtAnyHeartbeat(t *testing.T) {
	t.Parallel()
	for _, heartbeat := range []time.Duration{minHeartbeat, 2 * time.Second, maxHeartbeat} {
		cfg := Config{Heartbeat: heartbeat}.withDefaults()
		require.NoError(t, cfg.validate())
		require.LessOrEqual(t, cfg.patienceWithLeader(), 6*time.Second)
		require.Less(t, cfg.openLimit()+standbyPause, 15*time.Second)
		require.Greater(t, cfg.openLimit(), 2*heartbeat, "one beat may be missed")
	}
	require.Equal(t, 12*time.Second, Config{}.withDefaults().openLimit())
}

// Percentiles are those of what was published since they were told last; while nothing is, they stay.
func TestLatencyPercentiles(t *testing.T) {
	t.Parallel()
	s := newStatistics(maxHeartbeat)
	require.Zero(t, s.tell(stateLeading).percentiles)
	for n := range 1000 {
		s.taking.add(time.Duration(n+1) * time.Millisecond)
	}
	told := s.tell(stateLeading).percentiles
	for want, got := range map[float64]float64{0.5: told.P50, 0.9: told.P90, 0.99: told.P99, 1: told.Max} {
		require.InEpsilon(t, want, got, 0.01)
	}
	require.Equal(t, told, s.tell(stateLeading).percentiles)
	s.taking.add(0)
	require.Less(t, s.tell(stateLeading).Max, 0.001)
	s.taking.add(2 * longestLatency)
	require.InEpsilon(t, longestLatency.Seconds(), s.tell(stateLeading).Max, 0.01)
}
