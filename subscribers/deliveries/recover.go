package deliveries

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const recoverLimit = 100

// RecoverOptions selects attempts whose process has died, and says what becomes of their deliveries.
type RecoverOptions struct {
	Consumer string    // empty: any
	Tenant   string    // not empty: deliveries of this tenant alone
	Delivery uuid.UUID // zero: any

	By      string // who recovers; required
	Because string // for the log; required
	Limit   int    // at most so many. Default: 100

	// Ambiguous overrides what was agreed upon when the attempts were begun. Empty: that holds. A delivery that has used up its attempts is not resent.
	Ambiguous Handling
}

func (o RecoverOptions) validate() error {
	var handling error
	if o.Ambiguous != "" && o.Ambiguous != Hold && o.Ambiguous != Resend {
		handling = fmt.Errorf("Ambiguous: %q is neither %q nor %q", o.Ambiguous, Hold, Resend)
	}
	return errors.Join(checkText("By", o.By, true), checkText("Because", o.Because, true), handling, checkRange("Limit", o.Limit, 1, 100_000))
}

// Recovered is a delivery whose attempt was taken for lost: it became ambiguous.
type Recovered struct {
	ID      uuid.UUID
	Attempt int
	State   State     // Failed or Cancelled
	Due     time.Time // when it is sent again; zero: it is held for a person, or cancelled
}

// Recover finds attempts whose lease is over, since their process has died or can't reach the database, and makes them ambiguous. Many may do so at a time:
// each attempt is recovered once. A delivery can be recovered again and again, once for each attempt that is lost. [Ledger.Run] does it by itself for
// its consumer.
func Recover(ctx context.Context, db Querier, options RecoverOptions) ([]Recovered, error) {
	options.Limit = orDefault(options.Limit, recoverLimit)
	if err := options.validate(); err != nil {
		return nil, fmt.Errorf("recover deliveries: deliveries.RecoverOptions: %w", err)
	}
	var one *uuid.UUID
	if options.Delivery != uuid.Nil {
		one = &options.Delivery
	}
	rows, err := db.Query(ctx, recoverSQL, unlessEmpty(options.Consumer), unlessEmpty(options.Tenant), one, options.By, options.Because,
		unlessEmpty(options.Ambiguous), options.Limit)
	if err != nil {
		return nil, fmt.Errorf("recover deliveries: %w", explain(err))
	}
	recovered, err := pgx.CollectRows(rows, scanRecovered)
	if err != nil {
		return nil, fmt.Errorf("recover deliveries: %w", explain(err))
	}
	return recovered, nil
}

// recoverSQL is explained where the function is made, by migration 00013.
const recoverSQL = `SELECT id, attempt, state, due FROM contrail.delivery_recover($1, $2, $3, $4, $5, $6, $7)`

func scanRecovered(row pgx.CollectableRow) (Recovered, error) {
	var one Recovered
	var state string
	var due *time.Time
	err := row.Scan(&one.ID, &one.Attempt, &state, &due)
	one.State = State(state)
	if due != nil {
		one.Due = *due
	}
	return one, err //nolint:wrapcheck // the caller does
}

func unlessEmpty[T ~string](text T) *string {
	if text == "" {
		return nil
	}
	return new(string(text))
}

// Recover is the function [Recover], for this ledger's consumer, lanes included: for those who hold lanes. Run does it by itself.
func (l *Ledger) Recover(ctx context.Context) ([]Recovered, error) {
	return Recover(ctx, l.db, RecoverOptions{Consumer: l.config.Consumer, By: l.process, Because: leaseOver})
}

const leaseOver = "the attempt's lease was over"
