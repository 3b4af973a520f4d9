package deadletters

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Defaults of a [Look], and of the limit where its filter has none.
const (
	DefaultLookBound = 10_000
	DefaultLookTime  = 100 * time.Millisecond
	DefaultLookLimit = 50
)

// Look is how [Browse] looks for letters. The zero value works.
type Look struct {
	Backwards bool          // from the newest to the oldest
	Bound     int           // messages that are read, at most, about. Zero means DefaultLookBound
	Time      time.Duration // after which no further part of the stream is begun, but for the first one. Zero means DefaultLookTime
	Bare      bool          // without payloads, headers and progress: for who counts
}

// Page is what Browse has found, and how far it has looked.
type Page struct {
	Letters  []Letter // in the order that was asked for
	From, To uint64   // the lowest and the highest ID that it has looked at; To is below From if there was nothing to look at
	More     bool     // there may be letters beyond
}

// Browse returns a page of the letters that the filter selects, for somebody who looks at them: the newest or the oldest ones between After and
// UpTo, at most Limit (zero means [DefaultLookLimit]). Where the filter names no states, these are the dead ones. It reads a bounded part of
// the stream, so that it is quick however many letters there are, and tells which part: what comes next is found with UpTo one below From,
// or with After To. The broker selects by consumer, category and type, so that what is not of these costs next to nothing. The error wraps
// [ErrNoStream].
func Browse(ctx context.Context, js jetstream.JetStream, filter Filter, look Look) (Page, error) {
	l, err := newLooking(ctx, js, filter, look)
	if err == nil {
		err = l.run(ctx)
	}
	if err != nil {
		return Page{}, fmt.Errorf("browse dead letters: %w", err)
	}
	return l.page, nil
}

const (
	firstWindow = 64   // IDs that are looked at first: most often that is enough for a page
	mostKept    = 8192 // letters of one window in memory, without their payloads
)

// looking is how far Browse is. A stream can't be read backwards, so it goes through it window by window.
type looking struct {
	broker

	filter    Filter
	look      Look
	low, high uint64 // what is left to look at
	read      int    // messages so far
	listeners listeners
	page      Page
}

func newLooking(ctx context.Context, js jetstream.JetStream, filter Filter, look Look) (*looking, error) {
	if err := filter.Validate(); err != nil {
		return nil, err
	}
	filter = filter.withDefaults()
	if filter.Limit == 0 {
		filter.Limit = DefaultLookLimit
	}
	if look.Bound == 0 {
		look.Bound = DefaultLookBound
	}
	if look.Time == 0 {
		look.Time = DefaultLookTime
	}
	b, err := openBroker(ctx, js, filter.Stream)
	if err != nil {
		return nil, err
	}
	state := b.stream.CachedInfo().State
	l := &looking{
		broker: b, filter: filter, look: look, listeners: listeners{broker: b}, low: max(filter.After+1, state.FirstSeq), high: state.LastSeq,
	}
	if filter.UpTo > 0 {
		l.high = min(l.high, filter.UpTo)
	}
	l.page.From, l.page.To = l.low, l.high
	return l, nil
}

// run looks at windows until the page is full, or long enough.
func (l *looking) run(ctx context.Context) error {
	began, size := time.Now(), uint64(firstWindow)
	for l.low <= l.high && int64(len(l.page.Letters)) < l.filter.Limit {
		if l.read >= l.look.Bound || l.read > 0 && time.Since(began) >= l.look.Time {
			break
		}
		before := l.read
		err := l.lookAt(ctx, l.window(size))
		switch {
		case errors.Is(err, errTooMany):
			size /= 8
		case err != nil:
			return err
		case l.read == before:
			size *= 8 // a gap: of what was deleted, or of what the broker does not select
		default:
			size = min(2*size, mostKept/2)
		}
	}
	if l.page.More = l.low <= l.high; l.page.More && l.look.Backwards {
		l.page.From = l.high + 1
	} else if l.page.More {
		l.page.To = l.low - 1
	}
	if l.look.Bare {
		return nil
	}
	return l.fill(ctx)
}

// window is what is looked at next.
type window struct{ from, to uint64 }

func (l *looking) window(size uint64) window {
	size = min(size, l.high-l.low+1)
	if l.look.Backwards {
		return window{l.high - size + 1, l.high}
	}
	return window{l.low, l.low + size - 1}
}

// errTooMany says that a window has more letters than are kept in memory.
var errTooMany = errors.New("too many letters in a window")

// lookAt adds the window's letters to the page.
func (l *looking) lookAt(ctx context.Context, at window) error {
	what := span{subjects: l.filter.subjects(), after: at.from - 1, upTo: at.to, headersOnly: !l.filter.needsPayload()}
	var found []Letter
	read := 0
	for m, err := range l.broker.read(ctx, what) {
		if err != nil {
			return err
		}
		if read++; read > mostKept {
			l.read += read
			return errTooMany
		}
		if letter := parse(l.name, m); l.filter.selects(letter) {
			letter.Data, letter.Header, letter.Event, letter.raw = nil, nil, nil, nil
			found = append(found, letter)
		}
	}
	l.read += read
	l.take(at, found)
	return nil
}

// take adds as many as the page has room for, and notes how far it has come with that.
func (l *looking) take(at window, found []Letter) {
	room := int(l.filter.Limit) - len(l.page.Letters)
	if !l.look.Backwards {
		l.low = at.to + 1
		if len(found) > room {
			found = found[:room]
			l.low = found[room-1].ID + 1
		}
		l.page.Letters = append(l.page.Letters, found...)
		return
	}
	l.high = at.from - 1
	for _, letter := range slices.Backward(found) {
		if room == 0 {
			l.high = l.page.Letters[len(l.page.Letters)-1].ID - 1
			return
		}
		room--
		l.page.Letters = append(l.page.Letters, letter)
	}
}

// fill reads the page's letters as a whole. One that is gone meanwhile is no part of it.
func (l *looking) fill(ctx context.Context) error {
	near, err := l.readNear(ctx)
	if err != nil {
		return err
	}
	whole := make([]Letter, 0, len(l.page.Letters))
	for _, found := range l.page.Letters {
		letter, known := near[found.ID]
		if !known {
			letter, err = l.letter(ctx, found.ID)
		}
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err == nil {
			letter.Progress, err = l.listeners.progress(ctx, letter)
		}
		if err != nil {
			return err
		}
		whole = append(whole, letter)
	}
	l.page.Letters = whole
	return nil
}

// readNear reads the letters of the page that stand close together, which is far quicker than to ask for them one by one.
func (l *looking) readNear(ctx context.Context) (map[uint64]Letter, error) {
	near := make(map[uint64]Letter, len(l.page.Letters))
	if len(l.page.Letters) == 0 {
		return near, nil
	}
	first, last := l.page.Letters[0].ID, l.page.Letters[len(l.page.Letters)-1].ID
	wanted, left := make(map[uint64]bool, len(l.page.Letters)), 2*len(l.page.Letters)
	for _, found := range l.page.Letters {
		wanted[found.ID] = true
	}
	for m, err := range l.broker.read(ctx, span{subjects: l.filter.subjects(), after: min(first, last) - 1, upTo: max(first, last)}) {
		if err != nil {
			return nil, err
		}
		if wanted[m.sequence] {
			near[m.sequence] = parse(l.name, m)
		}
		if left--; left == 0 {
			break
		}
	}
	return near, nil
}
