package eventstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// The "asleep" key: a sleeping reader holds it exclusively, every appender tries it shared and sends a NOTIFY only when it fails.
// The reader gets it only while no appender is in flight, so nothing can slip in between its last read and its wait.
const (
	sleepSQL = `SELECT pg_try_advisory_lock(1129270869, 0)`
	wakeSQL  = `SELECT pg_advisory_unlock(1129270869, 0)`
)

// Defaults of a [Sleeper].
const (
	DefaultSafetyRead = 5 * time.Second
	shortestPause     = time.Millisecond
	longestPause      = 50 * time.Millisecond
)

// Sleeper lets a reader wait for events without polling and without a NOTIFY in every commit. It uses the reader's own connection,
// needs a session (no transaction-pooling proxy in between), and is not safe for concurrent use.
type Sleeper struct {
	conn       *pgx.Conn
	safetyRead time.Duration
	listening  bool
	pause      time.Duration
}

// NewSleeper returns a sleeper on the reader's connection. A sleep ends after safetyRead at the latest; zero means
// [DefaultSafetyRead].
func NewSleeper(conn *pgx.Conn, safetyRead time.Duration) *Sleeper {
	if safetyRead <= 0 {
		safetyRead = DefaultSafetyRead
	}
	return &Sleeper{conn: conn, safetyRead: safetyRead, pause: shortestPause}
}

// Sleep returns when there may be something to read: at once when read finds something, after a short pause while appenders are in
// flight, otherwise when an append commits or the safety read is due. It calls read once, after falling asleep or resting, to see
// what came until then. The end of ctx is an error; a query that has begun is finished all the same, so that the connection stays usable.
func (s *Sleeper) Sleep(ctx context.Context, read func(context.Context) (found bool, err error)) error {
	asleep, err := s.lieDown(ctx)
	if err != nil {
		return err
	}
	if !asleep {
		return s.rest(ctx, read)
	}
	s.pause = shortestPause
	found, err := read(ctx)
	if err == nil && !found {
		err = s.wait(ctx)
	}
	return errors.Join(err, s.wake(ctx))
}

// lieDown listens, and tries the key.
func (s *Sleeper) lieDown(ctx context.Context) (asleep bool, err error) {
	ctx, cancel := unbroken(ctx)
	defer cancel()
	if !s.listening {
		if _, err := s.conn.Exec(ctx, `LISTEN contrail`); err != nil {
			return false, fmt.Errorf("listen: %w", err)
		}
		s.listening = true
	}
	if err := s.conn.QueryRow(ctx, sleepSQL).Scan(&asleep); err != nil {
		return false, fmt.Errorf("fall asleep: %w", err)
	}
	return asleep, nil
}

// unbroken is for a query that takes no time: ending it in the middle would cost the connection.
func unbroken(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), DefaultSafetyRead)
}

// rest pauses, a little longer each time that appenders are in flight and none has brought anything.
func (s *Sleeper) rest(ctx context.Context, read func(context.Context) (bool, error)) error {
	timer := time.NewTimer(s.pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx) //nolint:wrapcheck // the caller's own
	case <-timer.C:
	}
	found, err := read(ctx)
	s.pause = min(s.pause*2, longestPause)
	if found {
		s.pause = shortestPause
	}
	return err
}

// wait returns on a notification, and when the safety read is due.
func (s *Sleeper) wait(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, s.safetyRead)
	defer cancel()
	_, err := s.conn.WaitForNotification(limited)
	switch {
	case err == nil, ctx.Err() == nil && limited.Err() != nil && !s.conn.IsClosed():
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx) //nolint:wrapcheck // the caller's own
	}
	return fmt.Errorf("wait for a notification: %w", err)
}

// wake gives the key back also when ctx has ended, since the connection goes on.
func (s *Sleeper) wake(ctx context.Context) error {
	ctx, cancel := unbroken(ctx)
	defer cancel()
	if _, err := s.conn.Exec(ctx, wakeSQL); err != nil {
		return fmt.Errorf("wake up: %w", err)
	}
	return nil
}
