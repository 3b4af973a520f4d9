package eventstore_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// What PostgreSQL makes of a jsonb is never longer than what the limit counts.
func TestStoredSizeIsABoundOfWhatIsStored(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	check := func(tb require.TestingT, data string) {
		var size int
		require.NoError(tb, pool.QueryRow(t.Context(), `SELECT octet_length($1::jsonb::text)`, data).Scan(&size), data)
		require.LessOrEqual(tb, size, eventstore.StoredSize([]byte(data)), data)
	}
	for _, data := range []string{
		`null`, `true`, `[1,2,3]`, `{"a":1,"b":[true,false]}`, `"a,b:c\"e5"`, `"\\"`, `1e9`, `-1.5E+3`, `1e-7`, `[1e100,{"e":1e1}]`, `"é\u00e9\u2028/\/"`,
	} {
		check(t, data)
	}
	rapid.Check(t, func(t *rapid.T) {
		text, err := json.Marshal(rapid.MapOf(rapid.StringMatching(`[a-z"\\,:é]{0,5}`), rapid.SliceOf(rapid.Float64Range(-1e30, 1e30))).Draw(t, "data"))
		require.NoError(t, err)
		check(t, string(text))
	})
}
