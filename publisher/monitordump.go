package publisher

import (
	"bytes"
	"context"
	"log/slog"
	"runtime/pprof"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

// maxDump bounds what is kept of the goroutines' stacks, in bytes.
const maxDump = 1 << 20

// dumps are asked for by anybody, taken and logged by a goroutine of their own, whatever the database does, and then written down by the monitor.
type dumps struct {
	asked chan struct{}

	mu    sync.Mutex
	taken string // and not written down yet
}

func newDumps() *dumps { return &dumps{asked: make(chan struct{}, 1)} }

// take returns what is to be written down, once.
func (d *dumps) take() (stacks string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	stacks, d.taken = d.taken, ""
	return stacks
}

// keep has stacks written down, instead of older ones.
func (d *dumps) keep(stacks string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.taken = stacks
}

// giveBack keeps what could not be written down, unless there are newer ones.
func (d *dumps) giveBack(stacks string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.taken == "" {
		d.taken = stacks
	}
}

// askDump has run log the stacks of all goroutines at once, and write them to the relay's row soon. It waits for neither.
func (m *monitor) askDump() {
	select {
	case m.dumps.asked <- struct{}{}:
	default: // one is about to be taken
	}
}

// dumpWhenAsked takes dumps until ctx ends.
func (m *monitor) dumpWhenAsked(ctx context.Context) {
	for {
		select {
		case <-m.dumps.asked:
		case <-ctx.Done():
			return
		}
		stacks := goroutines()
		m.config.Logger.InfoContext(ctx, "goroutines dumped", slogStream(m.config.Stream), slog.String("stacks", stacks))
		m.dumps.keep(stacks)
		m.hurry()
	}
}

// writeDump writes down what was dumped, or leaves it for later.
func (m *monitor) writeDump(ctx context.Context) {
	stacks := m.dumps.take()
	if stacks == "" {
		return
	}
	err := m.withConn(ctx, func(ctx context.Context, conn *pgx.Conn) error { return saveDump(ctx, conn, m.id, stacks) })
	if err != nil {
		m.dumps.giveBack(stacks)
	}
	m.complain(ctx, "a dump of the relay's goroutines is not written down yet", err)
}

// goroutines returns the stacks of this process's goroutines, as a panic prints them, in at most maxDump bytes.
func goroutines() string {
	var text bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&text, 2); err != nil {
		return "the goroutines can't be listed: " + err.Error()
	}
	const cut = "\n… and more"
	if text.Len() > maxDump {
		text.Truncate(maxDump - len(cut))
		text.WriteString(cut)
	}
	return storable(text.String())
}

// storable leaves out what PostgreSQL does not keep in a text.
func storable(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\x00", "")
}
