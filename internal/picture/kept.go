package picture

import (
	"context"
	"sync"
	"time"
)

// kept is a part that is read again after a while only. Those who ask meanwhile share it, and wait while one of them reads.
type kept[T any] struct {
	mu    sync.Mutex
	until time.Time
	value T
}

// get returns what was read less than so long ago, and reads else. An error is not kept.
func (k *kept[T]) get(ctx context.Context, lasting time.Duration, read func(ctx context.Context) (T, error)) (T, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Now().Before(k.until) {
		return k.value, nil
	}
	value, err := read(ctx)
	if err == nil {
		k.value, k.until = value, time.Now().Add(lasting)
	}
	return value, err
}
