package subscribers

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/seek"
)

// givenUp is an event that the broker has given up.
type givenUp struct {
	advisory

	from    *feed
	message *seek.Message // nil: the stream does not have it any more
	here    *delivery     // this process still has it, and waits for the broker to deliver it again; else nil
}

// settle sees to it that an event that the broker has given up has either taken effect or is a dead letter. Nil: there is nothing left to
// do for it.
func (s *session) settle(ctx context.Context, a advisory, from *feed) error {
	if a.ours() {
		return nil
	}
	consumer, err := s.js.Consumer(ctx, a.Stream, a.Consumer)
	if err != nil {
		return fmt.Errorf("look up consumer %s of stream %s: %w", a.Consumer, a.Stream, err)
	}
	known, held := s.scheduler.knowledgeOf(from.id, a.Sequence)
	switch {
	case a.isOver(consumer.CachedInfo()):
		s.noLetter(ctx, a, "its consumer was reset or made anew since, and delivers it again")
		return nil
	case known == inHand:
		return errInHand
	}
	stream, err := seek.Open(ctx, s.js, a.Stream, "")
	if err != nil {
		return err
	}
	g := givenUp{advisory: a, from: from, here: held}
	if g.message, err = stream.Get(ctx, a.Sequence); err != nil {
		return err
	}
	if g.message != nil && a.precedes(g.message.Time) {
		s.noLetter(ctx, a, "its stream was made anew since")
		return nil
	}
	return s.settleFound(ctx, &g, known)
}

func (s *session) settleFound(ctx context.Context, g *givenUp, known knowledge) error {
	letter := s.lastLetter(g)
	position := s.positionInTx(letter)
	if position == 0 && known == answered {
		s.noLetter(ctx, g.advisory, "it was handled here, and the answer came too late for the broker")
		return nil
	}
	chance, err := s.hasChance(ctx, g.advisory, letter)
	if err != nil {
		return err
	}
	told, err := s.told(ctx, g, letter, chance)
	switch {
	case err != nil:
		return fmt.Errorf("look for an earlier dead letter of event %d of %s: %w", letter.Sequence, letter.Stream, err)
	case chance && !told && known != answered: // an event that had its verdict was tried, though the answer has not reached the broker
		return s.giveChance(ctx, g.advisory, letter)
	}
	buried, err := s.buryGivenUp(ctx, letter, position, func() error {
		if told {
			return nil
		}
		return s.letters.publish(ctx, letter)
	})
	switch {
	case err != nil:
		return fmt.Errorf("publish the dead letter of event %d of %s: %w", letter.Sequence, letter.Stream, err)
	case !buried:
		s.noLetter(ctx, g.advisory, "it has taken effect")
	case told:
		s.noLetter(ctx, g.advisory, "it has become one before")
	default:
		s.buried(ctx, nil, letter, nil)
		s.config.Logger.ErrorContext(ctx, "an event became a dead letter", slog.String("consumer", s.config.Durable),
			slog.String("subject", letter.Subject), slog.Uint64("sequence", letter.Sequence), slog.String("reason", string(letter.Reason)),
			slog.Int("deliveries", letter.Deliveries), slog.String("error", letter.Error))
	}
	return nil
}

func (s *session) noLetter(ctx context.Context, a advisory, why string) {
	s.config.Logger.InfoContext(ctx, "an event that the broker has given up becomes no dead letter", slog.String("consumer", a.Consumer),
		slog.String("stream", a.Stream), slog.Uint64("sequence", a.Sequence), slog.String("because", why))
}

// unknownSubject stands in a dead letter without its message.
const unknownSubject = "unknown"

// lastLetter tells what became of the event. The same event gets the same id here as from a process that buried it by itself.
func (s *session) lastLetter(g *givenUp) DeadLetter {
	letter := DeadLetter{Stream: g.Stream, Subject: unknownSubject, Sequence: g.Sequence}
	switch {
	case g.message != nil:
		if d, err := newDelivery(g.from, storedMsg{raw: &g.message.RawStreamMsg, stream: g.Stream}); err == nil {
			letter = s.letter(d, g.deadReason(), nil)
		}
	case g.here != nil:
		letter = s.letter(g.here, g.deadReason(), nil)
	}
	letter.Consumer, letter.Reason, letter.Deliveries, letter.FailedAt = s.config.Durable, g.deadReason(), g.Deliveries, g.Time
	letter.Error, letter.ErrorChain, letter.Stack = "", nil, ""
	letter.setError(g.cause(g.message == nil && g.here == nil))
	return letter
}

// buryGivenUp calls publish, unless the event has taken effect through the inbox. Unlike burial it does not insist: other events wait.
func (s *session) buryGivenUp(ctx context.Context, letter DeadLetter, position contrail.Position, publish func() error) (buried bool, err error) {
	if position == 0 {
		return true, publish()
	}
	return s.config.Inbox.giveUp(ctx, s.claimOf(letter, position), publish)
}

// knowledge is what this process knows of an event.
type knowledge int

const (
	unseen   knowledge = iota
	inHand             // it waits for a worker or is being handled, and gets its verdict here
	awaited            // it was sent back to the broker, and is to come again
	answered           // it was in hand, and is not any more
)

// knowledgeOf looks an event up, of which only the sequence may be known. An event that is awaited comes with its delivery.
func (s *scheduler) knowledgeOf(feed uint8, sequence uint64) (knowledge, *delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, d := range s.inHand {
		if id.feed != feed || id.sequence != sequence {
			continue
		}
		if s.lanes[d.lane].awaited == d {
			return awaited, d
		}
		return inHand, nil
	}
	if slices.ContainsFunc(s.done.order, func(id identity) bool { return id.feed == feed && id.sequence == sequence }) {
		return answered, nil
	}
	return unseen, nil
}
