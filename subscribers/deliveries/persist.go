package deliveries

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// lastWrite bounds what is written when ctx has ended.
const lastWrite = 10 * time.Second

// persist tries to write until it succeeds, it is refused for good, or until is reached; or for some seconds, when ctx has ended. It
// is tried at least once. What it writes has to be the same when it is written twice.
func (l *Ledger) persist(ctx context.Context, until time.Time, write func(ctx context.Context) error) error {
	lasting, cancel := context.WithDeadline(context.WithoutCancel(ctx), later(until, time.Now().Add(time.Second)))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(lastWrite, cancel) })()
	pause := 10 * time.Millisecond
	for {
		once, release := context.WithTimeout(lasting, lastWrite)
		err := write(once)
		release()
		if err == nil || isFinal(err) {
			return err
		}
		l.logTrouble(ctx, "the ledger can't be written, trying again", err)
		if !wait(lasting, pause) {
			return err
		}
		pause = min(2*pause, time.Second)
	}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// wait returns false when ctx ended before the time was over.
func wait(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// errUnmigrated says that the ledger's tables are not there, or not as they should be.
var errUnmigrated = errors.New("the database lacks the tables of deliveries; run the migrations (eventstore.Migrate, or contrail migrate)")

// explain adds what to do to an error of the database's, where that is known.
func explain(err error) error {
	switch state := stateOf(err); state {
	case "42P01", "42883", "42703", "3F000":
		return fmt.Errorf("%w: %w", errUnmigrated, err)
	case "42501":
		return fmt.Errorf("the database refuses; grant the role contrail_consume to a consumer, contrail_operate and contrail_read to a person: %w", err)
	}
	return err
}

// isMissing tells whether tables or rights are missing.
func isMissing(err error) bool {
	return errors.Is(err, errUnmigrated) || stateOf(err) == "42501"
}

// isFinal tells whether an error of the database's will be the same next time: of syntax and names, of rights, and of what a guard refuses.
func isFinal(err error) bool {
	state := stateOf(err)
	return len(state) == 5 && (state[:2] == "42" || state[:2] == "3F" || state[:2] == "22" || state[:2] == "23")
}

func stateOf(err error) string {
	refusal, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return ""
	}
	return refusal.Code
}
