package deadletters

import (
	"context"
	"fmt"
	"iter"

	"github.com/nats-io/nats.go/jetstream"
)

// List yields the letters that the filter selects, the oldest first: in the order of their IDs. Where the filter names no states, these are
// the dead ones. They are read in constant memory, and it ends with the last that there was when it began; the loop's body may take its
// time, and may requeue, discard and purge. An error ends the sequence and comes as its last pair; it wraps [ErrNoStream] where there is no
// such stream.
func List(ctx context.Context, js jetstream.JetStream, filter Filter) iter.Seq2[Letter, error] {
	return func(yield func(Letter, error) bool) {
		for letter, err := range letters(ctx, js, filter, false) {
			if err != nil {
				err = fmt.Errorf("list dead letters: %w", err)
			}
			if !yield(letter, err) {
				return
			}
		}
	}
}

// letters is what List does. Without payloads, letters lack what is read from them.
func letters(ctx context.Context, js jetstream.JetStream, filter Filter, headersOnly bool) iter.Seq2[Letter, error] {
	return func(yield func(Letter, error) bool) {
		if err := filter.Validate(); err != nil {
			yield(Letter{}, err)
			return
		}
		filter = filter.withDefaults()
		stream, err := openBroker(ctx, js, filter.Stream)
		if err != nil {
			yield(Letter{}, err)
			return
		}
		stream.letters(ctx, filter, headersOnly)(yield)
	}
}

func (b broker) letters(ctx context.Context, filter Filter, headersOnly bool) iter.Seq2[Letter, error] {
	return func(yield func(Letter, error) bool) {
		consumers, left := listeners{broker: b}, filter.Limit
		what := span{
			subjects: filter.subjects(), after: filter.After, upTo: filter.UpTo, headersOnly: headersOnly && !filter.needsPayload(),
		}
		for m, err := range b.read(ctx, what) {
			var letter Letter
			if err == nil {
				if letter = parse(b.name, m); !filter.selects(letter) {
					continue
				}
				letter.Progress, err = consumers.progress(ctx, letter)
			}
			if err != nil {
				yield(Letter{}, err)
				return
			}
			left--
			if !yield(letter, nil) || left == 0 { // without a limit it is below zero
				return
			}
		}
	}
}
