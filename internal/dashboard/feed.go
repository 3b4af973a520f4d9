package dashboard

import (
	"bytes"
	"context"
	"net/http"
	"sync"
	"time"
)

const (
	mostFeeds    = 100  // live pages that are read at a time: each asks the servers every second or so
	mostWatchers = 1000 // browsers that are told: each keeps a connection
)

// feeds are the live pages that somebody looks at: one reader for each address, however many look.
type feeds struct {
	mu sync.Mutex
	by map[string]*feed

	watchers int // of all
}

func newFeeds() *feeds { return &feeds{by: map[string]*feed{}} }

// feed reads a page again and again, and keeps what its live part was last.
type feed struct {
	key      string
	cancel   context.CancelFunc
	watchers int // guarded by feeds.mu

	mu      sync.Mutex
	text    []byte        // what was read last; nil: nothing was
	changed chan struct{} // closed when text changes
}

// watch takes part in the feed of an address; read is called by one of those who watch, and leave ends it for this one. It
// returns nil where there are too many already.
func (f *feeds) watch(ctx context.Context, key string, run func(ctx context.Context, to *feed)) (watched *feed, leave func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	watched = f.by[key]
	if f.watchers >= mostWatchers || watched == nil && len(f.by) >= mostFeeds {
		return nil, nil
	}
	if watched == nil {
		watched = &feed{key: key, changed: make(chan struct{})}
		var running context.Context
		running, watched.cancel = context.WithCancel(context.WithoutCancel(ctx)) // who came first may leave first
		f.by[key] = watched
		go run(running, watched)
	}
	watched.watchers++
	f.watchers++
	return watched, sync.OnceFunc(func() { f.leave(watched) })
}

func (f *feeds) leave(watched *feed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	watched.watchers--
	f.watchers--
	if watched.watchers == 0 {
		watched.cancel()
		delete(f.by, watched.key)
	}
}

// set takes note of what the live part is now.
func (f *feed) set(text []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.text != nil && bytes.Equal(f.text, text) {
		return
	}
	f.text = text
	close(f.changed)
	f.changed = make(chan struct{})
}

// now is what the live part was last, and what is closed when it changes.
func (f *feed) now() (text []byte, changed <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.text, f.changed
}

// follow reads a page until nobody looks any more.
func (d *Dashboard) follow(r *http.Request, who identity, p page) func(ctx context.Context, to *feed) {
	return func(ctx context.Context, to *feed) {
		release := d.sampler.Look()
		defer release()
		ticker := time.NewTicker(p.every)
		defer ticker.Stop()
		for {
			text := d.readLive(ctx, d.request(r.WithContext(ctx), who), p)
			if ctx.Err() != nil {
				return // what was read was cut off
			}
			to.set(text)
			select {
			case <-ctx.Done():
				return
			case <-d.ending:
				return
			case <-ticker.C:
			}
		}
	}
}
