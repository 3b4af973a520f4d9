package deadletters

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// deciding does something about one letter after another.
type deciding struct {
	verb  string
	which Selection

	// do tells what became of a letter. It fails only where the broker can't be reached: the others would fare the same.
	do func(ctx context.Context, letter Letter) (Outcome, error)
}

// run yields what became of each letter. It begins to do so when it is ranged over. What ends it too early comes as the last pair.
func (d deciding) run(ctx context.Context, b broker) iter.Seq2[Outcome, error] {
	return func(yield func(Outcome, error) bool) {
		for id, err := range d.which.ids(ctx, b) {
			var told Outcome
			if err == nil {
				told, err = d.decide(ctx, b, id)
			}
			if told.ID > 0 && !yield(told, nil) {
				return
			}
			if err != nil {
				yield(Outcome{}, fmt.Errorf("%s dead letters: %w", d.verb, err))
				return
			}
		}
	}
}

// decide reads the letter once more: it may have been read ahead, and be gone.
func (d deciding) decide(ctx context.Context, b broker, id uint64) (Outcome, error) {
	if ctx.Err() != nil {
		return Outcome{}, context.Cause(ctx) //nolint:wrapcheck // the caller's own
	}
	letter, err := b.letter(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound):
		return outcome(Letter{ID: id}, ResultGone, "is no letter of "+b.name+", or not any more"), nil
	case err != nil:
		return Outcome{}, err
	case d.which.isStale(letter):
		return outcome(letter, ResultRefused, "is another one meanwhile: the stream was made anew"), nil
	case letter.State != Dead:
		return outcome(letter, ResultRefused, fmt.Sprintf("is %s already", letter.State)), nil
	}
	return d.do(ctx, letter)
}

// failed is what a failure means: of this letter alone, if the broker has said so itself, and else of all that follow.
func failed(letter Letter, text string, err error) (Outcome, error) {
	told := outcome(letter, ResultFailed, text+": "+err.Error())
	if _, answered := errors.AsType[*jetstream.APIError](err); answered || errors.Is(err, nats.ErrMaxPayload) {
		return told, nil
	}
	return told, err
}

// pace lets things happen so often and not more often.
type pace struct {
	every time.Duration // zero: as fast as they can
	next  time.Time
}

// wait returns when the next one may happen, or what ended ctx.
func (p *pace) wait(ctx context.Context) error {
	now := time.Now()
	if p.every == 0 || !now.Before(p.next) {
		p.next = now.Add(p.every)
		return nil
	}
	timer := time.NewTimer(p.next.Sub(now))
	defer timer.Stop()
	p.next = p.next.Add(p.every)
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx) //nolint:wrapcheck // the caller's own
	}
}
