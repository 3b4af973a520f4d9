package main

import (
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/pgtest"
)

// A process that is killed in the middle of an import leaves whole batches behind, and the next one goes on. Lines without ids and versions would
// be taken twice without anybody noticing.
func TestImportThatIsKilled(t *testing.T) {
	t.Parallel()
	url := pgtest.NewURL(t)
	pool := openAt(t, url)
	const lines, kills = 3000, 5
	var text []string
	for n := range lines {
		text = append(text, fmt.Sprintf(`{"stream":"count-%d","type":"Counted","data":{"n":%d}}`+"\n", n%7, n))
	}
	imported := func() (n int64) {
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT coalesce(max(lines), 0) FROM contrail.imports`).Scan(&n))
		return n
	}
	for n := 1; n <= kills+1; n++ {
		verb := exec.CommandContext(t.Context(), "contrail", "events", "import", "-", "--resume", "--name", "x", "--batch", "20", "--database-url", url)
		input, err := verb.StdinPipe()
		require.NoError(t, err)
		before := imported()
		require.NoError(t, verb.Start())
		_, err = io.WriteString(input, strings.Join(text[:n*lines/(kills+1)], ""))
		require.NoError(t, err)
		if n > kills {
			require.NoError(t, input.Close())
			require.NoError(t, verb.Wait())
			break
		}
		require.Eventually(t, func() bool { return imported() > before }, 30*time.Second, time.Millisecond)
		require.NoError(t, verb.Process.Kill())
		require.Error(t, verb.Wait())
	}
	var count, distinct int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*), count(DISTINCT data) FROM contrail.events`).Scan(&count, &distinct))
	require.Equal(t, lines, count)
	require.Equal(t, lines, distinct)
}
