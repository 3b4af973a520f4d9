package subscribers_test

import (
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

// The stream has lost its first events: what is not projected yet must not be passed over in silence.
func TestProjectionStopsWhereEventsAreGone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		projected int
		first     uint64 // that the stream still has, of 7
		gone      string
	}{
		"new":                  {projected: 0, first: 2, gone: "events 1 to 1 are gone"},
		"new, all gone":        {projected: 0, first: 8, gone: "events 1 to 7 are gone"},
		"behind":               {projected: 2, first: 6, gone: "events 3 to 5 are gone"},
		"new, none gone":       {projected: 0, first: 1},
		"just not behind":      {projected: 2, first: 3},
		"with its checkpoint":  {projected: 2, first: 2},
		"all projected, empty": {projected: 7, first: 8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, pool := newWorld(t), pgtest.New(t)
			createEffects(t, pool)
			if c.projected > 0 {
				stop := run(t, w.projection(t, pool, subscribers.ProjectionConfig{}, projectEffect))
				w.publishMany(t, c.projected, 1)
				w.reaches(t, pool)
				stop()
			}
			w.publishMany(t, 7-c.projected, 1)
			stream, err := w.js.Stream(t.Context(), wire.DefaultStream)
			require.NoError(t, err)
			require.NoError(t, stream.Purge(t.Context(), jetstream.WithPurgeSequence(c.first)))

			projection := w.projection(t, pool, subscribers.ProjectionConfig{}, projectEffect)
			if c.gone != "" {
				err := outcome(t, projection)
				require.ErrorContains(t, err, c.gone+" from stream EVENTS")
				require.ErrorContains(t, err, "fill a new stream")
				events, _ := effects(t, pool)
				require.Equal(t, c.projected, events)
				return
			}
			run(t, projection)
			w.publish(t, "invoice-1", drafted{})
			w.reaches(t, pool)
			events, times := effects(t, pool)
			require.Equal(t, [2]int{8, 8}, [2]int{events, times})
		})
	}
}
