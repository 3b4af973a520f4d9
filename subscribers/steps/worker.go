package steps

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// WorkerConfig says how a [Worker] works. The zero value works.
type WorkerConfig struct {
	// Options are those of the runs that it performs. Its Logger is told of runs that fail, halt or can't be performed, too.
	Options Options

	// Concurrency is how many runs it performs at a time, from 1 to 4096, each with up to one connection of the pool, but for the time of a [Call].
	// Default: 8, or two less than the pool has connections, if that is less.
	Concurrency int

	// Poll is how often it looks for runs that others have started, or have made due, from 10 ms to 1 min. It knows itself when the next timer is due. Default: 500 ms.
	Poll time.Duration

	// DrainTimeout is how long runs may go on when Run's ctx has ended; then the ctx of their steps ends. Default: 30 s.
	DrainTimeout time.Duration
}

const (
	defaultConcurrency = 8
	maxConcurrency     = 1 << 12
	defaultPoll        = 500 * time.Millisecond
	minPoll            = 10 * time.Millisecond
	maxPoll            = time.Minute
	defaultDrain       = 30 * time.Second
)

func (c WorkerConfig) withDefaults(connections int32) WorkerConfig {
	c.Options = c.Options.withDefaults()
	if c.Concurrency == 0 {
		c.Concurrency = max(1, min(defaultConcurrency, int(connections)-2))
	}
	if c.Poll == 0 {
		c.Poll = defaultPoll
	}
	if c.DrainTimeout == 0 {
		c.DrainTimeout = defaultDrain
	}
	return c
}

// validate is called with the defaults in place.
func (c WorkerConfig) validate() (faults []error) {
	if err := c.Options.validate(); err != nil {
		faults = append(faults, fmt.Errorf("WorkerConfig.Options: %w", err))
	}
	if c.Concurrency < 1 || c.Concurrency > maxConcurrency {
		faults = append(faults, fmt.Errorf("WorkerConfig.Concurrency is %d, must be from 1 to %d", c.Concurrency, maxConcurrency))
	}
	if c.Poll < minPoll || c.Poll > maxPoll {
		faults = append(faults, fmt.Errorf("WorkerConfig.Poll is %v, must be from %v to %v", c.Poll, minPoll, maxPoll))
	}
	if c.DrainTimeout < 0 {
		faults = append(faults, fmt.Errorf("WorkerConfig.DrainTimeout is %v, must not be negative", c.DrainTimeout))
	}
	return faults
}

// Worker performs runs of its workflows when they are due: those that [Worker.Start] has begun, in this process or another one, those whose timer has run out,
// that are to be tried again or undone, for which the runs that they wait for have ended, or whose process has died. Any number of workers, in any
// number of processes, share the runs: each run is performed by one at a time. Runs of other workflows are left to others.
type Worker struct {
	runner *Runner
	flows  flows
	config WorkerConfig
	wake   chan struct{}
	asks   string // the definitions, as the database is asked for them
}

// NewWorker returns a worker, or an error that names all that is wrong with config and workflows. It does nothing before Run is called; a process that only starts
// runs need not call that. The database must be migrated.
func NewWorker(pool *pgxpool.Pool, config WorkerConfig, workflows ...Workflow) (*Worker, error) {
	config = config.withDefaults(pool.Config().MaxConns)
	if faults := append(config.validate(), validateWorkflows(workflows)...); len(faults) > 0 {
		return nil, fmt.Errorf("steps.NewWorker: %w", errors.Join(faults...))
	}
	w := &Worker{runner: &Runner{pool: pool, options: config.Options}, flows: flows{}, config: config, wake: make(chan struct{}, 1)}
	for _, workflow := range workflows {
		w.flows[workflow.Name] = workflow.Steps
	}
	asks, err := json.Marshal(w.flows.definitions())
	if err != nil {
		return nil, fmt.Errorf("steps.NewWorker: %w", err)
	}
	w.asks = string(asks)
	return w, nil
}

// Wake has the worker look for runs at once, for a caller who has just committed what [Worker.Start] has begun and does not want to wait for
// WorkerConfig.Poll. It does nothing while Run does not run.
func (w *Worker) Wake() {
	select {
	case w.wake <- struct{}{}:
	default: // it is about to look
	}
}
