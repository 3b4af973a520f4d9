package dashboard

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Who has no attempts left gets none by bringing up very many other names.
func TestLimitsKeepTheWorst(t *testing.T) {
	t.Parallel()
	const worst, others = 200, 500
	now := time.Now()
	l := newLimits(func() time.Time { return now })
	for i := range worst {
		for range attemptsAtOnce {
			_, err := l.take(limitByUser, strconv.Itoa(i))
			require.NoError(t, err)
		}
	}
	for i := range mostCounted - worst + others {
		_, err := l.take(limitByUser, "other "+strconv.Itoa(i))
		require.NoError(t, err)
	}
	require.Len(t, l.by, mostCounted)
	for i := range worst {
		_, err := l.take(limitByUser, strconv.Itoa(i))
		require.Error(t, err)
	}
}
