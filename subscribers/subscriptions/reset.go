package subscriptions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
)

// Beginner begins transactions in the inbox's database: a pool or a connection of pgx.
type Beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

// DefaultSettle is [ResetTo]'s.
const DefaultSettle = 10 * time.Second

// hold is for how long a consumer is paused while it is reset. If whoever resets it dies, it goes on after that.
const hold = 15 * time.Minute

// ResetTo is what a subscription is reset to. The zero value is its stream's beginning.
type ResetTo struct {
	Start subscribers.Start // the first event that is delivered

	// Forget has the inbox forget the events from the first one on, by their positions, so that they take effect again, also those that were
	// given up. Else these are passed over. An event that the relay published late, and whose position is below that of the first one, is
	// not forgotten.
	Forget bool

	// Settle is how long events in hand may take to be answered before the reset. Zero means DefaultSettle; below zero it does not wait.
	Settle time.Duration
}

// ResetDone is what a reset has done.
type ResetDone struct {
	Sequence uint64            `json:"sequence"` // that the subscription goes on with, in the JetStream stream
	Position contrail.Position `json:"position"` // of the first event there; zero: the stream has none yet
	Forgot   bool              `json:"forgot"`   // the inbox has forgotten what was there from that position on
	InHand   int               `json:"in_hand"`  // events that were in hand, and not answered, when it was reset
}

// Reset moves a subscription to another place in its stream, whether it runs or not. db is the inbox's database; it may be nil without
// Forget. It takes nats-server 2.14 or later. The error wraps [ErrNotFound], or subscribers.ErrNotYet.
//
// The consumer is paused first, and what is in hand gets time to be answered. Then a transaction has the inbox forget, which waits for the
// handlers that are in a transaction; the consumer is reset, the transaction is committed, and the consumer goes on, or stays paused if it was. So:
//
//   - Nothing is lost, wherever it is interrupted: a consumer that is reset while the inbox forgets nothing passes over what has taken effect,
//     and one that is not reset goes on as if nothing had happened. Resetting it once more does the rest. One that is left paused goes
//     on by itself after a quarter of an hour, or with [Resume].
//   - An event takes effect at most once from the moment that it is forgotten. One that is in hand all the while (ResetDone.InHand) may do so
//     before it is delivered again: that counts.
//   - Handlers without an inbox are called again. What the processes answer for events that they got before the reset, the broker ignores until
//     it has delivered them again, and takes for an answer from then on.
//
// A divided subscription is reset by copying its events anew. When nothing is in hand its partitions are taken from the processes, which takes some
// milliseconds, or until a frozen one's lease has run out. Then, right before the commit, where to begin is written down; the stream with the copies is
// deleted, and made again, to begin there; its consumers are made, paused if they were; and the partitions are free. If whoever resets it dies in
// between, the processes take the partitions back after 15 seconds, and make the stream where it was to begin. Only that it was paused may be lost
// then. It takes the bucket of the processes, which is there when any has run.
//
// The consumer that gets what is requeued to the subscription is left alone. A consumer that was created to start later in the stream
// can't be reset to before that: it is deleted and made anew in its place, and running processes go on with that one.
func Reset(ctx context.Context, js jetstream.JetStream, db Beginner, name Name, to ResetTo) (ResetDone, error) {
	name = name.orDefaults()
	one, err := find(ctx, js, name)
	if err != nil {
		return ResetDone{}, err
	}
	r := resetting{js: js, db: db, name: name, to: to}
	if r.filters, err = one.filters(ctx); err != nil {
		return ResetDone{}, err
	}
	where := address{stream: name.Stream, consumer: name.Durable}
	r.movable = &single{js: js, at: where, before: one.consumer}
	if one.copies != nil {
		where = address{stream: one.copies.title()}
		r.movable = &divided{copies: one.copies}
	}
	err = r.run(ctx)
	if err != nil && !errors.Is(err, subscribers.ErrNotYet) {
		err = explain("reset", name, []address{where}, 0, err)
	}
	return r.done, err
}

// movable is what a reset moves.
type movable interface {
	pause(ctx context.Context) error // no event is delivered from now on
	inHand(ctx context.Context) (int, error)
	bar(ctx context.Context) error // no process expects any
	move(ctx context.Context, sequence uint64) error
	goOn(ctx context.Context) error // as it was before, whatever has been done of these
}

// resetting is one reset.
type resetting struct {
	movable

	js      jetstream.JetStream
	db      Beginner
	name    Name
	to      ResetTo
	filters []string
	done    ResetDone
}

func (r *resetting) run(ctx context.Context) (err error) {
	if r.to.Forget && r.db == nil {
		return errors.New("to forget takes the inbox's database, and db is nil")
	}
	subject := widest(r.filters)
	if r.done.Sequence, err = r.to.Start.Sequence(ctx, r.js, r.name.Stream, subject); err != nil {
		return err
	}
	if r.done.Position, err = firstPosition(ctx, r.js, r.name.Stream, subject, r.done.Sequence); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.goOnAnyway(ctx)) }()
	if err := r.pause(ctx); err != nil {
		return fmt.Errorf("pause it: %w", err)
	}
	held, cancel := context.WithTimeoutCause(ctx, hold-time.Minute, fmt.Errorf("it took more than %s, and was given up", hold-time.Minute))
	defer cancel()
	if err := r.settle(held); err != nil {
		return err
	}
	if err := r.bar(held); err != nil {
		return err
	}
	if r.to.Forget && r.done.Position > 0 {
		return r.forgetAndMove(held)
	}
	return r.move(held, r.done.Sequence)
}

// goOnAnyway has it go on when ctx has ended, too.
func (r *resetting) goOnAnyway(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), DefaultSettle)
	defer cancel()
	if err := r.goOn(ctx); err != nil {
		return fmt.Errorf("let it go on: %w; resume it, or it goes on by itself within %s", err, hold)
	}
	return nil
}

const settleLook = 50 * time.Millisecond

// settle waits until nothing is in hand, or patience is over.
func (r *resetting) settle(ctx context.Context) error {
	patience := r.to.Settle
	if patience == 0 {
		patience = DefaultSettle
	}
	over := time.NewTimer(max(patience, 0))
	defer over.Stop()
	look := time.NewTicker(settleLook)
	defer look.Stop()
	for late := patience < 0; ; {
		var err error
		if r.done.InHand, err = r.inHand(ctx); err != nil {
			return fmt.Errorf("look what is in hand: %w", err)
		}
		if r.done.InHand == 0 || late {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx) //nolint:wrapcheck // says everything
		case <-over.C:
			late = true
		case <-look.C:
		}
	}
}

// forgetAndMove moves inside the transaction that forgets, right before its commit: see [Reset].
func (r *resetting) forgetAndMove(ctx context.Context) error {
	moved := false
	err := pgx.BeginFunc(ctx, r.db, func(tx pgx.Tx) error {
		if err := forgetFrom(ctx, tx, r.name.inbox(), r.done.Position); err != nil {
			return err
		}
		err := r.move(ctx, r.done.Sequence)
		moved = err == nil
		return err
	})
	r.done.Forgot = err == nil
	if moved && err != nil {
		return fmt.Errorf("%w; it is reset, but what has taken effect is passed over; reset it again", err)
	}
	return err //nolint:wrapcheck // it says what was done
}
