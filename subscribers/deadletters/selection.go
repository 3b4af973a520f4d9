package deadletters

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/contrail-events/contrail/internal/wire"
)

// Selection is which letters are to be changed. Make one with [At], [Seen] or [Matching]; the zero value selects nothing.
type Selection struct {
	stream string
	named  map[uint64]time.Time // when each was stored, as far as the person knows; zero: whenever
	mixed  bool                 // of several streams
	filter *Filter
}

// At selects the letters with these IDs; stream is that of the dead letters, empty means DEADLETTERS. Each of them has its [Outcome], also
// where there is no such letter.
func At(stream string, ids ...uint64) Selection {
	if stream == "" {
		stream = wire.DefaultDeadLetters
	}
	s := Selection{stream: stream, named: map[uint64]time.Time{}}
	for _, id := range ids {
		s.named[id] = time.Time{}
	}
	return s
}

// Seen selects these letters, which have to be of one stream. It lets another letter alone that has the same ID meanwhile, since the stream
// was deleted and made anew: for a page that somebody has looked at for a while.
func Seen(letters ...Letter) Selection {
	s := At("")
	for n, letter := range letters {
		s.mixed = s.mixed || n > 0 && letter.In != s.stream
		s.stream = letter.In
		s.named[letter.ID] = letter.StoredAt
	}
	return s
}

// Matching selects what a filter does, among the dead letters that there are when it begins. With a limit, the oldest are meant.
func Matching(filter Filter) Selection {
	filter = filter.withDefaults()
	return Selection{stream: filter.Stream, filter: &filter}
}

// validate names every faulty field at once.
func (s Selection) validate() error {
	if s.filter == nil {
		var faults []error
		if s.mixed {
			faults = append(faults, errors.New("deadletters.Selection: the letters are of several streams; decide about those of one"))
		}
		if _, has := s.named[0]; has {
			faults = append(faults, errors.New("deadletters.Selection: ID 0 is given, must be above zero"))
		}
		return errors.Join(append(faults, Filter{Stream: s.stream}.Validate())...)
	}
	err := s.filter.Validate()
	if !slices.Equal(s.filter.States, []State{Dead}) {
		err = errors.Join(err, fmt.Errorf("deadletters.Filter: States is %v; only dead letters can be decided about", s.filter.States))
	}
	return err
}

// ids are those of the letters, in order.
func (s Selection) ids(ctx context.Context, b broker) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		if s.filter == nil {
			for _, id := range slices.Sorted(maps.Keys(s.named)) {
				if !yield(id, nil) {
					return
				}
			}
			return
		}
		for letter, err := range b.letters(ctx, *s.filter, true) {
			if !yield(letter.ID, err) {
				return
			}
		}
	}
}

// isStale tells whether a letter is another one than was seen.
func (s Selection) isStale(l Letter) bool {
	seen := s.named[l.ID]
	return !seen.IsZero() && !seen.Equal(l.StoredAt)
}
