package dashboard

import (
	"cmp"
	"context"
	"slices"
	"sync"
)

// unknownParts reads the parts of a page side by side, each in a time of its own, and keeps what could not be read, so that one that fails, or hangs, does
// not take the others along. The zero value is ready.
type unknownParts struct {
	group sync.WaitGroup

	mu      sync.Mutex
	unknown []unknownPart
}

// read reads a part in a goroutine of its own, which must write to nothing that another one's does.
func (p *unknownParts) read(ctx context.Context, what string, read func(ctx context.Context) error) {
	p.group.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, eventPatience)
		defer cancel()
		p.note(what, read(ctx))
	})
}

// note keeps an error, if there is one.
func (p *unknownParts) note(what string, err error) {
	if err == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unknown = append(p.unknown, unknownPart{what, err.Error()})
}

// wait returns what could not be read, when all is over.
func (p *unknownParts) wait() []unknownPart {
	p.group.Wait()
	slices.SortFunc(p.unknown, func(a, b unknownPart) int { return cmp.Compare(a.What, b.What) })
	return p.unknown
}
