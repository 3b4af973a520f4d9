package publisher_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
)

func TestRelayPublishesABacklogAndWhatFollows(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 5000)
	stop := start(t, newRelay(t, pool, js, publisher.Config{}))
	awaitCaughtUp(t, pool, js)
	appendEvents(t, pool, "live", 50)
	awaitCaughtUp(t, pool, js)
	require.NoError(t, stop())
	requireExact(t, pool, js)
}
