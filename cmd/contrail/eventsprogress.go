package main

import (
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
)

// eventsProgress is a bar on standard error, where that is a terminal that can draw it; nothing elsewhere, or with --quiet.
type eventsProgress struct{ bar *progressbar.ProgressBar }

// newEventsProgress counts up to total; -1 means that nobody knows. The total is one of bytes, or of anything else.
func (a *app) newEventsProgress(description string, total int64, bytes bool) eventsProgress {
	if a.Quiet || !isTerminal(a.stderr) || os.Getenv("TERM") == "dumb" {
		return eventsProgress{}
	}
	return eventsProgress{progressbar.NewOptions64(total, progressbar.OptionSetWriter(a.stderr), progressbar.OptionSetDescription(description),
		progressbar.OptionShowBytes(bytes), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionFullWidth(),
		progressbar.OptionSetRenderBlankState(true), progressbar.OptionClearOnFinish())}
}

// at moves the bar.
func (p eventsProgress) at(n int64) {
	if p.bar != nil {
		_ = p.bar.Set64(n) // what can't be drawn does no harm
	}
}

// gone takes the bar away, before anything else is written.
func (p eventsProgress) gone() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
