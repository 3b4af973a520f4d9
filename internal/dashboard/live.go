package dashboard

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

const (
	heartbeat = 15 * time.Second // that a live page is silent at most
	reconnect = 3 * time.Second  // that a browser waits before it asks again
)

// serveLive sends what a page's live part is, and again whenever it has changed, until the browser or the dashboard ends it.
func (d *Dashboard) serveLive(w http.ResponseWriter, r *request, p page) {
	watched, leave := d.feeds.watch(r.http.Context(), liveKey(r), d.follow(r.http, r.who, p))
	if watched == nil {
		d.fail(w, r, &httpError{http.StatusServiceUnavailable, "too many live pages are open; the page itself can be read"})
		return
	}
	defer leave()
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Time{}) // not to be had behind a recorder
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Accel-Buffering", "no") // nginx would keep events back
	send := func(text []byte) bool {
		_ = connection.SetWriteDeadline(time.Now().Add(sendTime))
		_, err := w.Write(text)
		return err == nil && connection.Flush() == nil
	}
	if !send(fmt.Appendf(nil, "retry: %d\n\n", reconnect.Milliseconds())) {
		return
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	var sent []byte
	for {
		text, changed := watched.now()
		if !bytes.Equal(text, sent) {
			if !send(message(text)) {
				return
			}
			sent = text
		}
		select {
		case <-r.http.Context().Done():
			return
		case <-d.ending:
			return
		case <-changed:
		case <-beat.C:
			if !d.access.still(r.http, r.who) || !send([]byte(": nothing new\n\n")) {
				return
			}
		}
	}
}

// liveKey is what must be the same for two to be sent the same.
func liveKey(r *request) string {
	return string(r.who.Role) + " " + r.zone.String() + " " + r.http.URL.EscapedPath() + "?" + r.http.URL.RawQuery
}

// readLive reads a page and makes its live part; of what has failed, a text that says so.
func (d *Dashboard) readLive(ctx context.Context, r *request, p page) (text []byte) {
	ctx, cancel := context.WithTimeout(ctx, pageTime)
	defer cancel()
	defer func() {
		if thrown := recover(); thrown != nil {
			d.config.Logger.ErrorContext(ctx, "a live page has panicked", slog.String("path", r.http.URL.Path), slog.Any("panic", thrown))
			text = notLive("this is a defect; the log has more")
		}
	}()
	view, err := p.read(ctx, r)
	if err != nil {
		return notLive(err.Error())
	}
	var made bytes.Buffer
	if err := d.render.live(&made, d.scope(r), shown{page: p, view: view}); err != nil {
		return notLive(err.Error())
	}
	return made.Bytes()
}

// notLive stands in place of a live part that can't be read. It goes when it can be read again.
func notLive(why string) []byte {
	return []byte(`<p class="trouble" role="alert">This can't be read now: ` + legible(why) + `</p>`)
}

// message is a server-sent event.
func message(text []byte) []byte {
	made := []byte("event: live\n")
	text = bytes.ReplaceAll(text, []byte("\r"), []byte("&#13;")) // which would end a line, too
	for line := range bytes.Lines(text) {
		made = append(append(append(made, "data: "...), bytes.TrimRight(line, "\n")...), '\n')
	}
	return append(made, '\n')
}
