package parked

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"
)

// Defaults of a [Retention].
const (
	DefaultOlderThan  = 30 * 24 * time.Hour
	DefaultPurgeBatch = 1000
)

// Retention is what [Purge] keeps. The zero value works.
type Retention struct {
	OlderThan time.Duration // since the last change of an event, by the database's clock; zero means DefaultOlderThan
	Batch     int           // events in one transaction, at most; zero means DefaultPurgeBatch
}

// Purge forgets what is over for longer than the retention. Events that are parked, held or requeued it never touches, and it never takes an
// excuse away:
//
//   - An event that was published in its order after all needs none any more: its row is deleted.
//   - A discarded event stays, or verify would count it as missing, and repair it.
//   - An event that was published out of its order stays, or a relay that reads its stream back from where it has no cursor any more would
//     not find it in its place and take the stream for another's; and one whose message the broker lost again would not be sent again.
//
// Of those that stay the error and the note are deleted: a row of some hundred bytes is left. The relay's rebuild of a stream puts all
// events in their order, and what was published out of it can be deleted then.
//
// It goes batch by batch, each in a transaction of its own on a pool or connection, and in a savepoint of a transaction. With an
// error the outcomes are those of the batches that are done. It may be interrupted and called again at any time.
func Purge(ctx context.Context, db Beginner, which Selection, keep Retention) ([]Outcome, error) {
	if err := errors.Join(which.validate("purge", purgeable()), keep.validate()); err != nil {
		return nil, fmt.Errorf("purge parked events: %w", err)
	}
	p := purge{which: which, keep: keep.orDefaults(), told: outcomes{}, left: which.limit()}
	for more := true; more; {
		batch := outcomes{}
		err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) (err error) {
			more, err = p.next(ctx, tx, batch)
			return err
		})
		if err != nil { // of this batch nothing has happened
			return p.told.sorted(), fmt.Errorf("purge parked events: %w", err)
		}
		p.left -= int64(len(batch))
		maps.Copy(p.told, batch)
	}
	p.told.missing(which.keys())
	return p.told.sorted(), nil
}

func purgeable() []State { return []State{Published, Discarded} }

func (r Retention) validate() error {
	var faults []error
	if r.OlderThan < 0 {
		faults = append(faults, fmt.Errorf("parked.Retention: OlderThan is %s, must not be negative", r.OlderThan))
	}
	if r.Batch < 0 {
		faults = append(faults, fmt.Errorf("parked.Retention: Batch is %d, must not be negative", r.Batch))
	}
	return errors.Join(faults...)
}

func (r Retention) orDefaults() Retention {
	if r.OlderThan == 0 {
		r.OlderThan = DefaultOlderThan
	}
	if r.Batch == 0 {
		r.Batch = DefaultPurgeBatch
	}
	return r
}
