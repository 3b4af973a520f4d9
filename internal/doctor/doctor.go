package doctor

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

// Doctor examines. Its methods may be called from several goroutines.
type Doctor struct {
	pool   *pgxpool.Pool       // nil: none
	js     jetstream.JetStream // nil: none
	config Config
}

// New returns a Doctor for a database and a broker. Either may be nil: what is to be asked there is then noted as not examined, or a
// danger if Config.NoDatabase or NoBroker says why. The pool should have room for two connections or more. The error names every faulty field of the
// Config.
func New(pool *pgxpool.Pool, js jetstream.JetStream, config Config) (*Doctor, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	return &Doctor{pool: pool, js: js, config: config}, nil
}

// atOnce is how many checks are made at a time.
const atOnce = 4

// Run makes the checks, some at a time, and returns what they have found in the order of [Checks]: of each at least one finding. The error is that ctx
// has ended.
func (d *Doctor) Run(ctx context.Context) ([]Finding, error) {
	var chosen []check
	for _, one := range all() {
		if len(d.config.Only) == 0 || slices.Contains(d.config.Only, one.Name) {
			chosen = append(chosen, one)
		}
	}
	found := make([][]Finding, len(chosen))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, one := range chosen {
		group.Go(func() error {
			found[i] = d.examine(ctx, one)
			return nil
		})
	}
	_ = group.Wait() // none of them fails
	if ctx.Err() != nil {
		return nil, fmt.Errorf("examine: %w", context.Cause(ctx))
	}
	return slices.Concat(found...), nil
}

// examine makes one check in its time.
func (d *Doctor) examine(ctx context.Context, one check) []Finding {
	findings := d.missing(one.Needs)
	if findings == nil {
		bounded, cancel := context.WithTimeoutCause(ctx, d.config.Timeout, fmt.Errorf("no answer within %s", d.config.Timeout))
		defer cancel()
		var err error
		if findings, err = one.run(bounded, d); err != nil {
			findings = append(findings, d.unable(bounded, err))
		}
	}
	for i := range findings {
		findings[i].Check = one.Name
	}
	return findings
}

// missing is what to say of a check whose server is not there.
func (d *Doctor) missing(needs Needs) []Finding {
	switch {
	case needs.Database && d.pool == nil:
		return noted("not examined: there is no database", "name one (DATABASE_URL)")
	case needs.Broker && d.js == nil:
		return noted("not examined: there is no broker", "name one (NATS_URL)")
	}
	return nil
}
