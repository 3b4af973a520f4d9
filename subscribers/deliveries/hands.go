package deliveries

import (
	"sync"

	"github.com/google/uuid"
)

// hands are the deliveries that a ledger has in hand, each once.
type hands struct {
	mu   sync.Mutex
	held map[uuid.UUID]struct{}
}

// take returns false if the delivery is in hand already.
func (h *hands) take(id uuid.UUID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, held := h.held[id]; held {
		return false
	}
	if h.held == nil {
		h.held = map[uuid.UUID]struct{}{}
	}
	h.held[id] = struct{}{}
	return true
}

func (h *hands) drop(id uuid.UUID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.held, id)
}
