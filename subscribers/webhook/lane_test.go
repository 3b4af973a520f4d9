package webhook_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/webhook"
)

// A process that was frozen finds its lease over before it begins anything, and one that can't renew it stops in time.
func TestNothingIsBegunWithoutALease(t *testing.T) {
	t.Parallel()
	for _, left := range []time.Duration{-time.Hour, 0, 4 * time.Second} {
		require.Equal(t, time.Second, webhook.StepWithLease(t.Context(), left))
	}
	require.Panics(t, func() { webhook.StepWithLease(t.Context(), 6*time.Second) }, "it looks into the ledger")
}
