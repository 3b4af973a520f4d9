package erasure

import (
	"container/list"
	"sync"
	"time"
)

// cache keeps keys for a while, and so many of them at most: the one that was not used for longest goes first.
type cache struct {
	size int

	mu     sync.Mutex
	known  map[string]*list.Element // of kept, by the key's id
	recent list.List                // the one used last stands in front
	barred bars
}

// kept is a key and when it is to be forgotten.
type kept struct {
	id    string
	key   Key
	until time.Time
}

func newCache(size int) *cache {
	return &cache{size: size, known: map[string]*list.Element{}, barred: bars{until: map[string]time.Time{}}}
}

func (c *cache) get(id string, now time.Time) (Key, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, found := c.known[id]
	if !found {
		return Key{}, false
	}
	entry, _ := element.Value.(kept)
	if !now.Before(entry.until) {
		c.remove(element)
		return Key{}, false
	}
	c.recent.MoveToFront(element)
	return entry.key, true
}

// put keeps a key until the time is over, unless its id is barred.
func (c *cache) put(id string, key Key, now, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !now.Before(until) || c.barred.has(id, now) {
		return
	}
	if element, found := c.known[id]; found {
		c.remove(element)
	}
	c.known[id] = c.recent.PushFront(kept{id: id, key: key, until: until})
	if c.recent.Len() > c.size {
		c.remove(c.recent.Back())
	}
}

// bar forgets a key that was deleted, and refuses to keep it again until the time is over: somebody may have fetched it just before, and the
// transaction that deletes it is not committed yet.
func (c *cache) bar(id string, now, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if element, found := c.known[id]; found {
		c.remove(element)
	}
	c.barred.add(id, now, until)
}

func (c *cache) remove(element *list.Element) {
	entry, _ := c.recent.Remove(element).(kept)
	delete(c.known, entry.id)
}

// bars are the ids that may not be kept. There are as many as were deleted within a CacheTTL.
type bars struct {
	until map[string]time.Time
	queue []barred // in the order of time; an id may be there twice
}

// barred is an id and the end of its time, unless it was barred again meanwhile.
type barred struct {
	id    string
	until time.Time
}

func (b *bars) add(id string, now, until time.Time) {
	for len(b.queue) > 0 && !now.Before(b.queue[0].until) {
		if over := b.queue[0].id; !b.has(over, now) {
			delete(b.until, over)
		}
		b.queue = b.queue[1:]
	}
	if now.Before(until) {
		b.queue = append(b.queue, barred{id, until})
		b.until[id] = until
	}
}

func (b *bars) has(id string, now time.Time) bool { return now.Before(b.until[id]) }
