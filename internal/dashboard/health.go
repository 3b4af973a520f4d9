package dashboard

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/internal/audit"
	"github.com/contrail-events/contrail/internal/doctor"
)

// examineEvery is how long what was found stands: examining asks both servers a good deal.
const examineEvery = time.Minute

func (d *Dashboard) healthPages() []page {
	return []page{{pattern: "/health", section: "/health", title: "Health", template: "health.html", read: d.readHealth}}
}

func (d *Dashboard) healthActions() []action {
	return []action{{
		pattern: "/health/examine", name: "health.examine", target: func(*request) string { return "both servers, the relays and the consumers" },
		do: func(ctx context.Context, r *request) ([]audit.Result, error) {
			found, err := d.examine.now(ctx, r.now)
			if err != nil {
				return nil, err
			}
			return []audit.Result{{What: "the examination of " + found.At.UTC().Format("15:04:05 UTC"), Outcome: audit.Done, Detail: found.summary()}}, nil
		},
	}}
}

// health is what the doctor has found.
type health struct {
	At       time.Time        `json:"at"`
	Seconds  float64          `json:"seconds"` // that the examination took
	Findings []doctor.Finding `json:"findings"`

	Dangers  int `json:"dangers"`
	Warnings int `json:"warnings"`
	Notes    int `json:"notes"`
	Good     int `json:"ok"`
}

// summary is one line of it.
func (h health) summary() string {
	return fmt.Sprintf("%d dangers, %d warnings, %d notes, %d ok", h.Dangers, h.Warnings, h.Notes, h.Good)
}

// readHealth shows what was found last, and examines where that was never or more than a minute ago.
func (d *Dashboard) readHealth(ctx context.Context, r *request) (any, error) {
	return d.examine.now(ctx, r.now)
}

// examination keeps what the doctor has found. It may be used by many goroutines: one examines, and the others wait for it.
type examination struct {
	doctor *doctor.Doctor

	mu    sync.Mutex
	found health
}

func newExamination(pool *pgxpool.Pool, js jetstream.JetStream, config Config) (*examination, error) {
	examiner, err := doctor.New(pool, js, doctor.Config{Stream: config.Stream, Prefix: config.Prefix, DeadLetters: config.DeadLetters, Timeout: pageTime / 3})
	if err != nil {
		return nil, err
	}
	return &examination{doctor: examiner}, nil
}

func (e *examination) now(ctx context.Context, now time.Time) (health, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.found.At.IsZero() && now.Sub(e.found.At) < examineEvery {
		return e.found, nil
	}
	began := time.Now()
	findings, err := e.doctor.Run(ctx)
	if err != nil {
		return health{}, err
	}
	found := health{At: now, Seconds: time.Since(began).Seconds(), Findings: findings}
	for _, finding := range findings {
		switch finding.Severity {
		case doctor.Danger:
			found.Dangers++
		case doctor.Warning:
			found.Warnings++
		case doctor.Note:
			found.Notes++
		case doctor.OK:
			found.Good++
		}
	}
	slices.SortStableFunc(found.Findings, worstFirst)
	e.found = found
	return found, nil
}

func worstFirst(a, b doctor.Finding) int {
	switch {
	case a.Severity == b.Severity:
		return 0
	case a.Severity.AtLeast(b.Severity):
		return -1
	}
	return 1
}

// group is the findings of one severity.
type group struct {
	Severity doctor.Severity
	Name     string
	Findings []doctor.Finding
}

// Groups are the findings by severity, the worst first.
func (h health) Groups() []group {
	var groups []group
	for _, one := range []group{{doctor.Danger, "Dangers", nil}, {doctor.Warning, "Warnings", nil}, {doctor.Note, "Notes", nil}, {doctor.OK, "In order", nil}} {
		for _, finding := range h.Findings {
			if finding.Severity == one.Severity {
				one.Findings = append(one.Findings, finding)
			}
		}
		if len(one.Findings) > 0 {
			groups = append(groups, one)
		}
	}
	return groups
}
