package dashboard_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// With a hundred thousand dead letters each page takes less than 200 ms, whatever the filter, and requeueing all of them goes on in the background.
func TestAHundredThousandLetters(t *testing.T) {
	t.Parallel()
	if os.Getenv("CONTRAIL_LONG") == "" {
		t.Skip("takes minutes: set CONTRAIL_LONG")
	}
	const letters, bound = 100_000, 200 * time.Millisecond
	w := mailbox(t, letters)
	for _, path := range []string{
		"/dead-letters", "/dead-letters?order=oldest", "/dead-letters?before=50000", "/dead-letters?limit=200", "/dead-letters?consumer=mails",
		"/dead-letters?reason=permanent", "/dead-letters?tenant=t-1", "/dead-letters?tenant=nobody", "/dead-letters?error=nobody%20says%20so",
		"/dead-letters?stream=invoice-5", "/dead-letters?type=Nothing", "/dead-letters?state=requeued", "/dead-letters?since=2026-11-02T08:00:00Z&until=2026-11-02T09:00:00Z",
		"/dead-letters/77777", "/dead-letters/requeue?which=all", "/dead-letters/requeue?which=all&reason=permanent", "/dead-letters/discard?which=all&error=nobody",
		"/dead-letters/requeue?which=page&first=99951&last=100000", "/consumers",
	} {
		took := medianOf(w, path)
		t.Logf("%-90s %s", path, took.Round(time.Millisecond))
		require.Less(t, took, bound, path)
	}

	form := hidden(t, w.page("/dead-letters/requeue?which=all"), "/dead-letters/requeue")
	began := time.Now()
	told := w.act("/dead-letters/requeue", append(form, "rate", "0")...)
	t.Logf("the browser has its answer after %s", time.Since(began).Round(time.Millisecond))
	w.eventually(func() bool {
		return strings.Contains(value[string](w, `SELECT results::text FROM contrail.audit WHERE id = $1`, told.Audit), "so far")
	})
	require.Less(t, medianOf(w, "/dead-letters"), bound, "while it goes on")
	require.Eventually(t, func() bool {
		return value[bool](w, `SELECT ended_at IS NOT NULL FROM contrail.audit WHERE id = $1`, told.Audit)
	}, 10*time.Minute, time.Second)
	ended := w.auditOf(told.Audit)
	t.Logf("all are requeued after %s", time.Since(began).Round(time.Second))
	require.Equal(t, "done", ended.Outcome)
	require.Zero(t, w.letters("").Dead)
}

// medianOf is how long a page takes.
func medianOf(w *world, path string) time.Duration {
	var took []time.Duration
	for range 7 {
		began := time.Now()
		w.page(path)
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[len(took)/2]
}
