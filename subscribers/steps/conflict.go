package steps

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// maxConflicts is how often a transaction is tried again that the database has refused for the sake of another one.
const maxConflicts = 5

// repeatedly calls operation again when the database has refused its transaction for the sake of another one, or when the connection turns out to
// be a dead one before anything was sent.
func (p *performance) repeatedly(ctx context.Context, operation func() error) error {
	for conflict := 1; ; conflict++ {
		err := operation()
		if err == nil || conflict > maxConflicts || ctx.Err() != nil || !isConflict(err) && !pgconn.SafeToRetry(err) {
			return err
		}
		p.rest(ctx)
		if !pause(ctx, time.Duration(conflict)*(10*time.Millisecond+rand.N(20*time.Millisecond))) { //nolint:gosec // jitter needs no secret
			return err
		}
	}
}

func pause(ctx context.Context, delay time.Duration) bool {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// isConflict tells a serialization failure and a deadlock.
func isConflict(err error) bool {
	refusal, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (refusal.Code == "40001" || refusal.Code == "40P01")
}

// isLockLost tells contrail.run_move's refusal.
func isLockLost(err error) bool {
	refusal, ok := errors.AsType[*pgconn.PgError](err)
	return ok && refusal.ConstraintName == "runs_token"
}

// unmigrated says what to do about tables that are missing or closed.
func unmigrated(err error) error {
	refusal, ok := errors.AsType[*pgconn.PgError](err)
	if ok && strings.HasPrefix(refusal.Code, "42") {
		return fmt.Errorf("%w; run `contrail migrate`, and let the role of this connection use the tables (contrail_consume)", err)
	}
	return err
}
