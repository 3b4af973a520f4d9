package webhook

import (
	"fmt"
	"sync/atomic"
	"time"
)

// turns is when the loop that looks after the lanes last turned, in nanoseconds of Unix time; 0: it does not run.
type turns struct{ last atomic.Int64 }

func (t *turns) turn() { t.last.Store(time.Now().UnixNano()) }

func (t *turns) stop() { t.last.Store(0) }

// Alive returns nil while events are planned and the endpoints looked after, and an error once a loop has done nothing for longer than bound although it has something to do:
// see [subscribers.Subscription.Alive]. An endpoint that does not answer is no reason. It may be called at any time.
func (h *Hooks) Alive(bound time.Duration) error {
	if last := h.turns.last.Load(); last != 0 {
		if silent := time.Since(time.Unix(0, last)); silent > bound+h.config.Lease {
			return fmt.Errorf("webhooks of %s: nobody has looked after the endpoints for %s; restart the process",
				h.config.Subscription.Durable, silent.Round(time.Second))
		}
	}
	return h.subscription.Alive(bound)
}

// Ready returns an error while events can't be planned and posted, and why. It asks nobody, and may be called at any time.
func (h *Hooks) Ready() (what string, err error) {
	if h.turns.last.Load() == 0 {
		return "", fmt.Errorf("webhooks of %s: they do not run", h.config.Subscription.Durable)
	}
	return h.subscription.Ready()
}
