package steps

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
)

// Options of a [Runner]. The zero value works.
type Options struct {
	// Lease is how long a process holds a run without a sign of life, and how long a step's transaction may stand idle before the server ends it;
	// default: 60 s, at least 1 s. It is renewed every third of it, on another connection of the pool: let the pool have one to spare. The lease is also
	// how long a run stands still when its process has died.
	Lease time.Duration

	// MaxFailures is how often in a row a step may fail before the run fails for good; default: 8. The death of a process that performs a step
	// counts, too.
	MaxFailures int

	// Backoff is the time between a step's failures and its next try. Workers wait for it; Run doesn't, but tells it to subscriptions.
	Backoff Backoff

	// Isolation of the steps' transactions; default: the database's, which is READ COMMITTED. A transaction that the database refuses for the sake
	// of another one is tried again five times at once.
	Isolation pgx.TxIsoLevel

	// Process is what the lock and the log say of who performs a run; default: the host's name and the process's number.
	Process string

	// Logger is told what does not reach the caller: locks that could not be renewed or released; default: none.
	Logger *slog.Logger
}

const (
	defaultLease       = time.Minute
	minLease           = time.Second
	defaultMaxFailures = 8
)

func (o Options) withDefaults() Options {
	o.Backoff = o.Backoff.withDefaults()
	if o.Lease == 0 {
		o.Lease = defaultLease
	}
	if o.MaxFailures == 0 {
		o.MaxFailures = defaultMaxFailures
	}
	if o.Process == "" {
		o.Process = processName()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// validate is called with the defaults in place.
func (o Options) validate() error {
	var faults []error
	if o.Lease < minLease {
		faults = append(faults, fmt.Errorf("%s is %v, must be at least %v", "Lease", o.Lease, minLease))
	}
	if o.MaxFailures < 1 {
		faults = append(faults, fmt.Errorf("MaxFailures is %d, must be at least 1", o.MaxFailures))
	}
	switch o.Isolation {
	case "", pgx.ReadUncommitted, pgx.ReadCommitted, pgx.RepeatableRead, pgx.Serializable:
	default:
		faults = append(faults, fmt.Errorf("%s is %q, must be read committed, repeatable read or serializable", "Isolation", o.Isolation))
	}
	if problem := unfit(o.Process, maxKey); problem != "" {
		faults = append(faults, fmt.Errorf("%s %s", "Process", problem))
	}
	if err := o.Backoff.validate(); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}
