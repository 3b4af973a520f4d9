package eventstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// The pause of a reader that can't sleep, as appenders are in flight: it doubles from the one to the other.
const (
	shortestPause = time.Millisecond
	longestPause  = 100 * time.Millisecond
)

// Sleeper lets a reader wait for events, in the way that a [Wake] chooses. It works on the reader's own connection, outside any
// transaction, and is not safe for concurrent use. Any number of readers may sleep, each with a Sleeper and a connection of its own.
type Sleeper struct {
	conn  *pgx.Conn
	wake  Wake
	pid   uint32 // of the session that listens; 0 until it does
	pause time.Duration
}

// NewSleeper returns a sleeper on the reader's connection, which stays the caller's to close; the zero Wake is Notify(0). A negative
// duration is refused.
func NewSleeper(conn *pgx.Conn, wake Wake) (*Sleeper, error) {
	if err := wake.Validate(); err != nil {
		return nil, fmt.Errorf("eventstore.NewSleeper: %w", err)
	}
	return &Sleeper{conn: conn, wake: wake, pause: shortestPause}, nil
}

// Sleep returns when read, which it calls every time that there might be something to read, has found something.
//
// With [Notify] read is called after falling asleep, when an append commits, and every safety read. While appenders are in flight nobody
// falls asleep, and read is called after pauses that grow to 100 ms: twenty queries a second, one half of them to try again. With [Poll] it
// is called every interval.
//
// The end of ctx is an error; a query that has begun is finished all the same, so that the connection stays usable, and read should do
// likewise: a sleeper whose connection breaks can't tell the others to be awake in its place, and they find the next event by their safety
// read. [ErrPooled] comes back where Notify has no session of its own.
//
// After nil the session goes on listening, for the next sleep: close the connection rather than give it back to a pool. After an error
// nothing is left in it.
func (s *Sleeper) Sleep(ctx context.Context, read func(context.Context) (found bool, err error)) error {
	if s.wake.Polls() {
		return s.poll(ctx, read)
	}
	for {
		if found, err := s.tryToSleep(ctx, read); err != nil {
			return errors.Join(err, s.unlisten(ctx))
		} else if found {
			return nil
		}
	}
}

func (s *Sleeper) poll(ctx context.Context, read func(context.Context) (bool, error)) error {
	for {
		if err := pauseFor(ctx, s.wake.Interval()); err != nil {
			return err
		}
		if found, err := read(ctx); err != nil || found {
			return err
		}
	}
}

func (s *Sleeper) tryToSleep(ctx context.Context, read func(context.Context) (bool, error)) (found bool, err error) {
	role, err := s.lieDown(ctx)
	if err != nil {
		return false, err
	}
	if role == awake {
		return s.rest(ctx, read)
	}
	found, err = s.doze(ctx, role, read)
	return found, errors.Join(err, s.getUp(ctx, role))
}

// rest pauses, longer each time that appenders are in flight and none has brought anything, and reads.
func (s *Sleeper) rest(ctx context.Context, read func(context.Context) (bool, error)) (found bool, err error) {
	pause := s.pause
	s.pause = min(2*pause, longestPause)
	if _, err := s.wait(ctx, pause); err != nil {
		return false, err
	}
	found, err = read(ctx)
	if found {
		s.pause = shortestPause
	}
	return found, err
}

// doze reads and waits by turns, and keeps the key meanwhile: a holder that is woken for nothing, and gave it back, would wake the others. It
// gets up all the same while anybody appends: with a holder asleep every append would notify, for as long as the slowest stays open. A
// follower that is notified gets up, as the holder may have.
func (s *Sleeper) doze(ctx context.Context, role string, read func(context.Context) (bool, error)) (found bool, err error) {
	for {
		calm, err := s.isCalm(ctx)
		if err != nil {
			return false, err
		}
		if found, err := read(ctx); err != nil || found || !calm {
			return found, err
		}
		s.pause = shortestPause
		for notified := false; !notified; {
			notified, err = s.wait(ctx, s.wake.Interval())
			if err != nil || notified && role == follower {
				return false, err
			}
			if found, err := read(ctx); err != nil || found {
				return found, err
			}
		}
	}
}

// wait returns on a notification, with all that are there already, and after limit.
func (s *Sleeper) wait(ctx context.Context, limit time.Duration) (notified bool, err error) {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, err = s.conn.WaitForNotification(limited)
	switch {
	case err == nil:
		s.forget(ctx)
		return true, nil
	case ctx.Err() != nil:
		return false, context.Cause(ctx) //nolint:wrapcheck // the caller's own
	case limited.Err() != nil && !s.conn.IsClosed():
		return false, nil
	}
	return false, fmt.Errorf("wait for a notification: %w", err)
}

// forget drops the notifications that have been received: they tell of what the next read finds, or are the reader's own, from getting up.
func (s *Sleeper) forget(ctx context.Context) {
	over, cancel := context.WithCancel(ctx)
	cancel()
	for {
		if _, err := s.conn.WaitForNotification(over); err != nil {
			return
		}
	}
}

func pauseFor(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx) //nolint:wrapcheck // the caller's own
	case <-timer.C:
		return nil
	}
}
