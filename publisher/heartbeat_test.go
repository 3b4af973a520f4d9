package publisher_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/publisher/control"
)

// An interval that would break a promise is refused, with the others' faults.
func TestHeartbeatIsBounded(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	for _, heartbeat := range []time.Duration{-time.Second, time.Millisecond, 6 * time.Second} {
		_, err := publisher.NewRelay(pool, js, publisher.Config{Heartbeat: heartbeat, Attempts: -1})
		require.ErrorContains(t, err, "Heartbeat is "+heartbeat.String()+", must be 1s to 5s")
		require.ErrorContains(t, err, "Attempts is -1")
	}
	for _, heartbeat := range []time.Duration{0, time.Second, 5 * time.Second} {
		_, err := publisher.NewRelay(pool, js, publisher.Config{Heartbeat: heartbeat})
		require.NoError(t, err)
	}
}

// A standby, which nothing but time has beat, beats as often as it is told to.
func TestStandbyBeatsAsOftenAsItIsTold(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	for _, identity := range []string{"first", "second"} {
		cfg := impatient()
		cfg.Identity, cfg.Heartbeat = identity, time.Second
		start(t, newRelay(t, pool, js, cfg))
		require.Eventually(t, func() bool {
			_, err := control.Find(t.Context(), pool, "EVENTS", identity)
			return err == nil
		}, patience, 5*time.Millisecond)
	}
	var last time.Time
	require.Eventually(t, func() bool {
		relays, err := control.List(t.Context(), pool, "EVENTS")
		if err != nil {
			return false
		}
		for _, relay := range relays {
			if relay.State == control.Standby {
				require.Contains(t, string(relay.Settings), `"heartbeat": "1s"`)
				gap := relay.BeatAt.Sub(last)
				last = relay.BeatAt
				return gap >= time.Second && gap < 4*time.Second
			}
		}
		return false
	}, patience, 20*time.Millisecond)
}
