package publisher

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLastOfRefusal(t *testing.T) {
	t.Parallel()
	last, err := lastOfRefusal([]byte(`{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 42"},"stream":"EVENTS","seq":0}`))
	require.NoError(t, err)
	require.EqualValues(t, 42, last)
	for _, answer := range []string{
		``, `{"stream":"EVENTS","seq":7}`, `{"error":{"code":400,"err_code":10164,"description":"wrong last sequence"},"stream":"EVENTS","seq":0}`,
		`{"error":{"code":400,"err_code":10071,"description":"something else"},"stream":"EVENTS","seq":0}`,
	} {
		_, err := lastOfRefusal([]byte(answer))
		require.ErrorContains(t, err, "the barrier was answered by")
	}
}
