package invoicing

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/shopspring/decimal"
	"golang.org/x/sync/errgroup"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/organisation"
)

// Defaults of an [ImportConfig].
const (
	DefaultClients   = 8           // invoices that are posted at once
	DefaultPatience  = time.Minute // with a service that is unavailable
	DefaultMaxFailed = 10          // lines one after another
)

// ErrGivenUp says that an import has ended before its input, since one line after another has failed.
var ErrGivenUp = errors.New("one line after another has failed")

// ImportConfig says how to import. The zero value works.
type ImportConfig struct {
	Clients   int           // how many invoices are posted at once. 0: DefaultClients
	Patience  time.Duration // for how long a line is tried again while the service is unavailable. 0: DefaultPatience
	MaxFailed int           // so many lines that fail one after another end the import. 0: DefaultMaxFailed
	DryRun    bool          // nothing is made: it is looked up what is there
	Clock     domain.Clock  // tells which invoices were due before today. Nil: time.Now
}

func (c ImportConfig) withDefaults() ImportConfig {
	if c.Clients == 0 {
		c.Clients = DefaultClients
	}
	if c.Patience == 0 {
		c.Patience = DefaultPatience
	}
	if c.MaxFailed == 0 {
		c.MaxFailed = DefaultMaxFailed
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return c
}

func (c ImportConfig) validate() error {
	var faults []error
	if c.Clients < 0 {
		faults = append(faults, fmt.Errorf("ImportConfig.Clients is %d: give 1 or more, or 0 for %d", c.Clients, DefaultClients))
	}
	if c.Patience < 0 {
		faults = append(faults, fmt.Errorf("ImportConfig.Patience is %s: give more than nothing, or 0 for %s", c.Patience, DefaultPatience))
	}
	if c.MaxFailed < 0 {
		faults = append(faults, fmt.Errorf("ImportConfig.MaxFailed is %d: give 1 or more, or 0 for %d", c.MaxFailed, DefaultMaxFailed))
	}
	return errors.Join(faults...)
}

// Import posts the invoices of an input, which are [Lines], and the organisations and contacts that they name, and tells what became of each line, in
// the order of the input and as soon as it is known. Only a few lines are held at a time.
//
// Everything is found again by its reference. So an import that broke off, by whatever means and in whatever place, can be run again, by way of
// whichever [Service]: what is there stays as it is, and nothing is there twice. A line whose invoice, organisation or contact is there and reads
// otherwise is refused.
//
// It ends with the input, with the error of tell, with that of the lines, with [ErrGivenUp], or with the cause that ended ctx, upon which no line is
// begun any more, and what was begun is broken off. The summary counts what was told by then. If the lines wait for more input when ctx ends, they
// are left behind with it.
func Import(
	ctx context.Context, service Service, lines iter.Seq2[Invoice, error], config ImportConfig, tell func(Outcome) error,
) (ImportSummary, error) {
	if err := config.validate(); err != nil {
		return ImportSummary{}, fmt.Errorf("import invoices: %w", err)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	run := &importRun{
		config: config.withDefaults(), tell: tell,
		summary: ImportSummary{Totals: map[string]string{}, DryRun: config.DryRun, sums: map[string]decimal.Decimal{}},
	}
	run.directory, run.pending = newDirectory(service, run.config), make(chan chan Outcome, ahead*run.config.Clients)
	read := make(chan lineRead)
	go feed(ctx, lines, read)
	go run.post(ctx, read)
	run.report(stop)
	run.summary.Organisations = run.directory.counts(organisation.Category)
	run.summary.Contacts = run.directory.counts(contact.Category)
	err := run.broken
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	run.summary.Complete = err == nil
	return run.summary, err //nolint:wrapcheck // a signal, or what names itself
}

// ahead is how many lines for each client may be ahead of one that takes its time.
const ahead = 4

// lineRead is what [Lines] yields.
type lineRead struct {
	invoice Invoice
	err     error
}

// feed reads the lines. It is a goroutine of its own because nothing can wake it while it waits for input.
func feed(ctx context.Context, lines iter.Seq2[Invoice, error], to chan<- lineRead) {
	defer close(to)
	for invoice, err := range lines {
		select {
		case to <- lineRead{invoice, err}:
		case <-ctx.Done():
			return
		}
	}
}

// importRun is one import. Lines are posted side by side, and told of in their order.
type importRun struct {
	config    ImportConfig
	directory *directory
	tell      func(Outcome) error
	pending   chan chan Outcome // of the lines that were begun, in the order of the input; closed behind the last one
	broken    error             // why the input has ended before its end; set before pending is closed

	summary ImportSummary
	failed  int // lines, one after another
}

// post begins line after line until the last one or the end of ctx, and waits for all that it has begun.
func (r *importRun) post(ctx context.Context, lines <-chan lineRead) {
	defer close(r.pending)
	var clients errgroup.Group
	clients.SetLimit(r.config.Clients)
	defer func() { _ = clients.Wait() }() // none has an error: each has an outcome
	for {
		select {
		case <-ctx.Done():
			return
		case read, more := <-lines:
			_, bad := errors.AsType[*LineError](read.err)
			if !more || read.err != nil && !bad {
				r.broken = read.err
				return
			}
			became := make(chan Outcome, 1)
			r.pending <- became
			clients.Go(func() error {
				found, err := placed{}, read.err
				if err == nil {
					found, err = r.directory.invoice(ctx, read.invoice)
				}
				became <- outcome(ctx, read.invoice, found, err)
				return nil
			})
		}
	}
}

// report tells what became of each line, and stops the import when there is nobody to tell, or one line after another fails.
func (r *importRun) report(stop context.CancelCauseFunc) {
	stopped := false
	for became := range r.pending {
		told := <-became
		if stopped || told.interrupted {
			continue
		}
		if err := r.told(told); err != nil {
			stop(err)
			stopped = true
		}
	}
}

func (r *importRun) told(told Outcome) error {
	r.summary.add(told)
	r.failed++
	if told.Status != LineFailed {
		r.failed = 0
	}
	if err := r.tell(told); err != nil {
		return err
	}
	if r.failed == r.config.MaxFailed {
		return fmt.Errorf("%w, %d of them up to line %d: %s", ErrGivenUp, r.failed, told.Line, told.Reason)
	}
	return nil
}
