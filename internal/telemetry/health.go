package telemetry

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Probe tells in a few words how something fares, as in "leading", or the error that says why it does not. It may be asked at any time, and is given two seconds.
type Probe func(ctx context.Context) (what string, err error)

// Health is what /healthz and /readyz answer. All methods may be called at once; nil takes checks and forgets them.
type Health struct {
	begun  atomic.Bool
	mu     sync.Mutex
	checks []*check
}

// newHealth knows one thing at first: a process that has not begun, or was told to end, is not ready.
func newHealth(life context.Context) *Health {
	h := &Health{}
	h.Ready("process", func(context.Context) (string, error) {
		switch {
		case life.Err() != nil:
			return "", errStopping
		case !h.begun.Load():
			return "", errStarting
		}
		return "running", nil
	})
	return h
}

// Begin says that the process begins its work: all checks are there. Until then it is not ready.
func (h *Health) Begin() {
	if h != nil {
		h.begun.Store(true)
	}
}

// Alive adds a check of a loop: while it fails, /healthz is 503, so that the process is restarted. It is about what a restart mends, and so never about a server.
// /readyz asks it, too.
func (h *Health) Alive(name string, probe Probe) { h.add(&check{name: name, probe: probe, live: true}) }

// Ready adds a check of what the process needs for its work: while it fails, /readyz is 503, and /healthz is not.
func (h *Health) Ready(name string, probe Probe) { h.add(&check{name: name, probe: probe}) }

func (h *Health) add(c *check) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks = append(h.checks, c)
}

// Report is the body of an answer.
type Report struct {
	Status string   `json:"status"` // ok or failing
	Checks []Result `json:"checks"`
}

// OK tells whether nothing fails.
func (r Report) OK() bool { return r.Status == statusOK }

// Result is what one check has found.
type Result struct {
	Name  string    `json:"name"`
	OK    bool      `json:"ok"`
	What  string    `json:"what"`  // in words
	Since time.Time `json:"since"` // it has been so, as far as somebody has asked
}

const (
	statusOK      = "ok"
	statusFailing = "failing"
)

// Live asks the checks of the loops.
func (h *Health) Live(ctx context.Context) Report { return h.report(ctx, true) }

// Readiness asks all checks.
func (h *Health) Readiness(ctx context.Context) Report { return h.report(ctx, false) }

func (h *Health) report(ctx context.Context, live bool) Report {
	h.mu.Lock()
	var asked []*check
	for _, c := range h.checks {
		if c.live || !live {
			asked = append(asked, c)
		}
	}
	h.mu.Unlock()
	report := Report{Status: statusOK, Checks: make([]Result, len(asked))}
	var asking sync.WaitGroup
	for i, c := range asked {
		asking.Go(func() { report.Checks[i] = c.ask(ctx) })
	}
	asking.Wait()
	for _, result := range report.Checks {
		if !result.OK {
			report.Status = statusFailing
		}
	}
	return report
}
