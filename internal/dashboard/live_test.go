package dashboard_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/audit"
	"github.com/contrail-events/contrail/internal/dashboard"
)

// follow opens a live page and returns its events, until the test ends or leave is called.
func (w *world) follow(path string) (events <-chan string, leave func()) {
	w.Helper()
	ctx, cancel := context.WithCancel(w.Context())
	w.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+path, nil)
	require.NoError(w, err)
	response, err := w.client.Do(request)
	require.NoError(w, err)
	require.Equal(w, http.StatusOK, response.StatusCode)
	require.Equal(w, "text/event-stream", response.Header.Get("Content-Type"))
	heard := make(chan string, 1000)
	go func() {
		defer close(heard)
		defer func() { _ = response.Body.Close() }()
		lines := bufio.NewScanner(response.Body)
		lines.Buffer(nil, 1<<20)
		var event strings.Builder
		for lines.Scan() {
			if lines.Text() != "" {
				event.WriteString(lines.Text() + "\n")
				continue
			}
			heard <- event.String()
			event.Reset()
		}
	}()
	return heard, cancel
}

// next is the next event.
func (w *world) next(events <-chan string) string {
	w.Helper()
	select {
	case event := <-events:
		return event
	case <-time.After(patience):
		require.FailNow(w, "no event")
	}
	return ""
}

// A live page sends what it shows, again when that has changed, and only then; all who look share one reader.
func TestLive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var reads, version atomic.Int64
	w.publish(w.dashboard.Try(dashboard.Trial{Read: func() (any, error) {
		reads.Add(1)
		return dashboard.EntryView(audit.Entry{Action: fmt.Sprintf("version %d", version.Load())}), nil
	}}))
	page := w.page("/trial?a=b")
	require.Contains(t, page, `<div id="live" hx-ext="sse,morph" sse-connect="/trial?a=b&amp;live=1" sse-swap="live" hx-swap="morph:innerHTML">`)
	first, leaveFirst := w.follow("/trial?live=1")
	require.Equal(t, "retry: 3000\n", w.next(first))
	sent := w.next(first)
	require.True(t, strings.HasPrefix(sent, "event: live\ndata: "), sent)
	require.Contains(t, sent, "version 0")
	require.NotContains(t, sent, "sse-connect", "the frame stays")
	second, leaveSecond := w.follow("/trial?live=1")
	require.Equal(t, "retry: 3000\n", w.next(second))
	require.Equal(t, sent, w.next(second), "who comes later sees at once what is known")
	before := reads.Load()
	w.eventually(func() bool { return reads.Load() > before+5 })
	version.Store(1)
	for _, events := range []<-chan string{first, second} {
		require.Contains(t, w.next(events), "version 1", "and nothing was sent while nothing changed")
	}
	leaveFirst()
	before = reads.Load()
	w.eventually(func() bool { return reads.Load() > before+2 })
	leaveSecond()
	for range second { // until the stream is over
		continue
	}
	w.eventually(func() bool {
		before := reads.Load()
		select {
		case <-t.Context().Done():
		case <-time.After(50 * time.Millisecond): // ten times as long as between two reads
		}
		return reads.Load() == before
	})
}

// What can't be read is told in place, and shown again when it can be; a reader that panics is no reason to end.
func TestLiveTrouble(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var state atomic.Int64
	w.publish(w.dashboard.Try(dashboard.Trial{Read: func() (any, error) {
		switch state.Load() {
		case 1:
			return nil, errors.New("the database is <away>")
		case 2:
			panic("oh")
		}
		return dashboard.EntryView(audit.Entry{Action: "all is well"}), nil
	}}))
	events, _ := w.follow("/trial?live=1")
	w.next(events)
	require.Contains(t, w.next(events), "all is well")
	state.Store(1)
	require.Contains(t, w.next(events), "can't be read now: the database is &lt;away&gt;")
	state.Store(2)
	require.Contains(t, w.next(events), "this is a defect")
	state.Store(0)
	require.Contains(t, w.next(events), "all is well")
}

// Live pages end at once when the dashboard does, so that its end does not wait for them.
func TestLiveEndsWithTheDashboard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	events, _ := w.follow("/?live=1")
	w.next(events)
	w.next(events)
	w.stop()
	for range events { // until the stream is over
		continue
	}
}
