package deadletters

import (
	"context"

	"github.com/contrail-events/contrail/subscribers"
)

// earlier knows of letters that were requeued before, by a process that died before it could delete them. The broker's own deduplication
// would know, but forgets. It reads the headers of what was requeued since the first letter, once for each consumer, and remembers the ids.
type earlier struct {
	broker

	known map[string]map[string]uint64 // by consumer and causation, the ID of the last copy
}

// of returns the ID of the letter's copy, zero if there is none. Letters come in the order of their IDs.
func (e *earlier) of(ctx context.Context, letter Letter) (uint64, error) {
	copies, read := e.known[letter.Consumer]
	if !read {
		var err error
		if copies, err = e.load(ctx, letter); err != nil {
			return 0, err
		}
	}
	if found := copies[letter.DeadLetter.ID()]; found > letter.ID { // else it is that of another letter of the same event
		return found, nil
	}
	return 0, nil
}

func (e *earlier) load(ctx context.Context, first Letter) (map[string]uint64, error) {
	copies := map[string]uint64{}
	behind := span{subjects: []string{subscribers.RequeueSubject(e.name, first.Consumer)}, after: first.ID, headersOnly: true}
	for m, err := range e.read(ctx, behind) {
		if err != nil {
			return nil, err
		}
		if cause := m.header.Get(subscribers.HeaderCausationID); cause != "" {
			copies[cause] = m.sequence
		}
	}
	if e.known == nil {
		e.known = map[string]map[string]uint64{}
	}
	e.known[first.Consumer] = copies
	return copies, nil
}
