package main

// progress is a bar whose length is known once the work has begun.
type progress struct {
	app  *app
	text string
	bar  eventsProgress
	open bool
}

func (a *app) newProgress(text string) *progress {
	return &progress{app: a, text: text}
}

// at moves the bar.
func (p *progress) at(done, total uint64) {
	if !p.open {
		p.bar, p.open = p.app.newEventsProgress(p.text, int64(total), false), true //nolint:gosec // 2⁶³ messages
	}
	p.bar.at(int64(done)) //nolint:gosec // likewise
}

// gone takes the bar away, before anything else is written.
func (p *progress) gone() { p.bar.gone() }
