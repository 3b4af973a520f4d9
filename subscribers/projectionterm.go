package subscribers

import (
	"context"
	"errors"
	"log/slog"
)

// term is the time for which this process is the active one. Beside the goroutine that reads and projects, one keeps the lock and looks what persons
// want, and one rebuilds the read model when they want that.
type term struct {
	*Projection

	asked    chan struct{} // somebody has asked for a rebuild
	replaced chan struct{} // the read model was replaced: what the reading knows of it is out of date
}

// lead is one term as the active process.
func (p *Projection) lead(ctx, working context.Context) error {
	lock, err := p.acquire(ctx)
	if err != nil {
		return err
	}
	defer lock.Close(context.WithoutCancel(ctx)) //nolint:errcheck // ends the session, and with it the lock, in any case
	t := &term{Projection: p, asked: make(chan struct{}, 1), replaced: make(chan struct{}, 1)}
	leading, lose := context.WithCancelCause(ctx)
	finished := background(
		func() {
			err := t.guard(leading, lock)
			p.turns.fail(err) // a batch that is under way may take its time; nobody looks after the lock meanwhile
			lose(err)
		},
		func() { t.rebuildWhenAsked(leading) },
	)
	for err = errRebuilt; errors.Is(err, errRebuilt); {
		err = t.readOn(leading, working)
	}
	lose(err)
	finished()
	if errors.Is(err, context.Canceled) && ctx.Err() == nil {
		return context.Cause(leading) //nolint:wrapcheck // what ended the term says more than what it has cut off
	}
	return err
}

// tell notes what is in a channel already, or not yet.
func tell(what chan<- struct{}) {
	select {
	case what <- struct{}{}:
	default:
	}
}

// readOn reads and projects from where the projection stands, until the read model is replaced or ctx ends.
func (t *term) readOn(ctx, working context.Context) error {
	select { // what was replaced before is read now
	case <-t.replaced:
	default:
	}
	stands, err := t.load(ctx)
	if err != nil {
		return err
	}
	reading, err := t.open(ctx, stands)
	if err != nil {
		return err
	}
	defer reading.close(ctx)
	t.config.Logger.InfoContext(ctx, "projection is active", slog.String("projection", t.config.Name),
		slog.Int64("position", int64(stands.at.position)))

	receiving, lose := context.WithCancelCause(ctx)
	finished := background(
		func() { lose(reading.feed(receiving)) },
		func() {
			select {
			case <-t.replaced:
				lose(errRebuilt)
			case <-receiving.Done():
			}
		},
	)
	err = t.follow(receiving, working, reading, stands.at)
	lose(err)
	finished()
	return err
}

// follow applies what is read, batch by batch, until ctx ends.
func (p *Projection) follow(ctx, working context.Context, reading *reading, from checkpoint) error {
	for {
		read, err := reading.gather(ctx, from, p.config.Batch)
		if !read.isEmpty() {
			if err := p.insist(ctx, working, read); err != nil {
				return err
			}
			from = read.to
			reading.tellLeftOut(ctx, read)
		}
		if err != nil {
			return err
		}
	}
}
