package dashboard_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/audit"
	"github.com/contrail-events/contrail/internal/dashboard"
)

// An action is in the log before it is done and after it, whatever becomes of it.
func TestActionIsWrittenDown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		act     func(w *world) ([]audit.Result, error)
		outcome string
		status  int
		fault   string
	}{
		"done": {func(*world) ([]audit.Result, error) { return []audit.Result{{What: "one", Outcome: audit.Done}}, nil }, "done", http.StatusOK, ""},
		"partial": {func(*world) ([]audit.Result, error) {
			return []audit.Result{{What: "one", Outcome: audit.Pending}, {What: "two", Outcome: audit.Failed, Detail: hostileText}}, nil
		}, "partial", http.StatusOK, ""},
		"failed": {func(*world) ([]audit.Result, error) { return nil, errors.New("no room") }, "failed", http.StatusConflict, "no room"},
		"refused": {func(*world) ([]audit.Result, error) {
			return []audit.Result{{What: "one", Outcome: audit.Refused}}, nil
		}, "refused", http.StatusConflict, ""},
		"panic": {func(*world) ([]audit.Result, error) { panic("oh") }, "failed", http.StatusConflict, "this is a defect: oh; the log has more"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			before := ""
			w.publish(w.dashboard.Try(dashboard.Trial{Act: func(context.Context, func(...audit.Result)) ([]audit.Result, error) {
				before = value[string](w, //nolint:contextcheck // the test's own
					`SELECT concat_ws(' ', who, role, action, target, reason, outcome, form->>'row', form->>'secret', ended_at) FROM contrail.audit`)
				return c.act(w)
			}}))
			got := w.submit("/trial/act", []string{"reason", "because", "row", "1", "row", "2", "secret", "hush"}, accepting("application/json"))
			require.Equal(t, c.status, got.StatusCode, got.body)
			require.Equal(t, "local operator trial.act trial 1 because begun 1, 2 (not kept)", before)
			require.Equal(t, c.outcome, value[string](w, `SELECT outcome FROM contrail.audit WHERE ended_at IS NOT NULL`))
			require.Equal(t, c.fault, value[string](w, `SELECT error FROM contrail.audit`))
			html := w.post("/trial/act", "reason", "again", "from", "/relays")
			require.Equal(t, http.StatusSeeOther, html.StatusCode)
			require.Equal(t, "/audit/2?from=%2Frelays", html.Header.Get("Location"))
			page := w.page(html.Header.Get("Location"))
			require.Contains(t, page, `<a class="button" href="/relays">Back</a>`)
			require.NotContains(t, page, "<script>alert")
		})
	}
}

// What can't be written down is not done.
func TestActionThatCannotBeWrittenDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	did := false
	w.publish(w.dashboard.Try(dashboard.Trial{Act: func(context.Context, func(...audit.Result)) ([]audit.Result, error) {
		did = true
		return nil, nil
	}}))
	w.exec(`ALTER TABLE contrail.audit RENAME TO elsewhere`)
	got := w.post("/trial/act")
	require.Equal(t, http.StatusInternalServerError, got.StatusCode)
	require.Contains(t, got.body, "Nothing was done, for it can&#39;t be written down")
	require.False(t, did)
}

// A long action goes on behind the answer, and its entry shows how far it is. It is cancelled when the dashboard ends, and its entry says so.
func TestLongAction(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	going := make(chan struct{})
	w.publish(w.dashboard.Try(dashboard.Trial{Act: func(ctx context.Context, tell func(...audit.Result)) ([]audit.Result, error) {
		one := audit.Result{What: "one", Outcome: audit.Done}
		tell(one)
		select {
		case <-going:
			return []audit.Result{one, {What: "two", Outcome: audit.Done}}, nil
		case <-ctx.Done():
			return []audit.Result{one}, fmt.Errorf("stopped behind one: %w", context.Cause(ctx))
		}
	}}))
	got := w.submit("/trial/long", nil, accepting("application/json"))
	require.Equal(t, http.StatusAccepted, got.StatusCode, got.body)
	w.eventually(func() bool { return strings.Contains(w.page("/audit/1"), ">one</bdi>") })
	require.Contains(t, w.page("/audit/1"), "It goes on")
	close(going)
	told := w.auditOf(1)
	require.Equal(t, "done", told.Outcome)
	require.Len(t, told.Results, 2)

	going = make(chan struct{})
	require.Equal(t, http.StatusAccepted, w.submit("/trial/long", nil, accepting("application/json")).StatusCode)
	w.eventually(func() bool { return strings.Contains(w.page("/audit/2"), ">one</bdi>") })
	w.stop()
	told = w.auditOf(2)
	require.Equal(t, "partial", told.Outcome)
	require.Equal(t, "stopped behind one: the dashboard was ended", told.Error)
}

// The end waits for an action that is being done, so that its entry is completed, and lets no other begin.
func TestActionAtTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	began, going := make(chan struct{}, 1), make(chan struct{})
	w.publish(w.dashboard.Try(dashboard.Trial{Act: func(context.Context, func(...audit.Result)) ([]audit.Result, error) {
		began <- struct{}{}
		<-going
		return []audit.Result{{What: "one", Outcome: audit.Done}}, nil
	}}))
	answered, ended := make(chan answer, 1), make(chan struct{})
	go func() { answered <- w.submit("/trial/act", nil, accepting("application/json")) }()
	<-began
	go func() { defer close(ended); w.stop() }()
	<-w.dashboard.Ending()
	got := w.submit("/trial/long", nil, accepting("application/json"))
	require.Equal(t, http.StatusServiceUnavailable, got.StatusCode, got.body)
	select {
	case <-ended:
		require.Fail(t, "it did not wait")
	default:
	}
	close(going)
	<-ended
	require.Equal(t, "done", value[string](w, `SELECT string_agg(outcome, ' ') FROM contrail.audit`))
	require.Equal(t, http.StatusOK, (<-answered).StatusCode)
}

// What is told once is on the answer alone.
func TestAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(w.dashboard.Try(dashboard.Trial{
		Answer: dashboard.Trouble("the secret is whsec_1"),
		Act:    func(context.Context, func(...audit.Result)) ([]audit.Result, error) { return nil, nil },
	}))
	got := w.post("/trial/answer")
	require.Equal(t, http.StatusOK, got.StatusCode)
	require.Contains(t, got.body, "The secret is whsec_1.")
	require.NotContains(t, value[string](w, `SELECT audit::text FROM contrail.audit`), "whsec_1")
}

// A form that is too long is refused before anything is written down.
func TestFormIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.post("/health/examine", "reason", strings.Repeat("x", 1<<20))
	require.Equal(t, http.StatusBadRequest, got.StatusCode)
	require.Zero(t, value[int](w, `SELECT count(*) FROM contrail.audit`))
}
