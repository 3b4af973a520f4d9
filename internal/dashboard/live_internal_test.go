package dashboard

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// There are so many live pages at a time, and so many who look, and no more: each costs queries, or a connection.
func TestFeedsAreBounded(t *testing.T) {
	t.Parallel()
	run := func(ctx context.Context, _ *feed) { <-ctx.Done() }
	f := newFeeds()
	var leaves []func()
	watch := func(key string) bool {
		watched, leave := f.watch(t.Context(), key, run)
		if watched != nil {
			leaves = append(leaves, leave)
		}
		return watched != nil
	}
	for i := range mostFeeds {
		require.True(t, watch(strconv.Itoa(i)))
	}
	require.False(t, watch("one more"))
	for range mostWatchers - mostFeeds {
		require.True(t, watch("0"), "of those that are read already there may be more")
	}
	require.False(t, watch("0"))
	for _, leave := range leaves {
		leave()
		leave()
	}
	require.Empty(t, f.by)
	require.Zero(t, f.watchers)
}

// A carriage return in what is shown ends no line of the event.
func TestMessage(t *testing.T) {
	t.Parallel()
	require.Equal(t, "event: live\ndata: <input value=\"a&#13;&#13;event: x\">\ndata: b\n\n", string(message([]byte("<input value=\"a\r\revent: x\">\nb\n"))))
}

// Whose session has ended is not told any more, whatever else their request shows.
func TestStill(t *testing.T) {
	t.Parallel()
	a, err := newAccess(Config{Token: "operator-token-of-the-test"}.withDefaults())
	require.NoError(t, err)
	who := identity{tokenName, Operator}
	for shown, still := range map[string]bool{"": false, "Basic eA==": false, "x": false, "Bearer operator-token-of-the-test": true} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?live=1", http.NoBody)
		r.Header.Set("Authorization", shown)
		require.Equal(t, still, a.still(r, who), shown)
	}
}
