package subscribers

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// told tells whether what an advisory says stands in the stream of dead letters already: a process published the dead letter, and died before
// it could tell the broker, or before it could acknowledge this advisory. Mostly there is no need to look: an event that the stream took a
// short while ago can't have an older dead letter than the broker's own deduplication remembers. But surely is for an event that is not to become one:
// its requeued copy would double nothing that the broker knows.
//
// A dead letter that somebody has requeued or discarded since counts only if it failed at about the time of the advisory. Else the
// consumer was reset since, and the event was given up once more.
func (s *session) told(ctx context.Context, g *givenUp, letter DeadLetter, surely bool) (bool, error) {
	stream, err := s.js.Stream(ctx, s.letters.name)
	if err != nil {
		return false, err //nolint:wrapcheck // the one caller does
	}
	remembered := stream.CachedInfo().Config.Duplicates - time.Minute
	if !surely && !g.repeated && g.message != nil && stream.CachedInfo().TimeStamp.Sub(g.message.Time) < remembered {
		return false, nil
	}
	since := g.Time.Add(-s.config.AckWait - clockSkew)
	prefix := s.letters.prefix()
	dead := []string{prefix + ".events." + letter.Consumer + ".>", prefix + ".foreign." + letter.Consumer}
	discarded := []string{prefix + ".discarded." + letter.Consumer, prefix + ".discarded." + letter.Consumer + ".>"}
	found, err := anyHeader(ctx, stream, letter.PublishedAt, dead, letter.isAgainSince(time.Time{}))
	if found || err != nil {
		return found, err
	}
	if found, err = anyHeader(ctx, stream, since, discarded, letter.isAgainSince(since)); found || err != nil {
		return found, err
	}
	return anyHeader(ctx, stream, since, []string{RequeueSubject(s.letters.name, letter.Consumer)}, letter.isRequeuedSince(since))
}

// isAgainSince is about dead letters of the same event with as many replays, and what is kept of them when they are discarded.
func (l *DeadLetter) isAgainSince(then time.Time) func(nats.Header) bool {
	return func(header nats.Header) bool {
		other, err := ParseDeadLetter(header, nil)
		return err == nil && l.isSame(&other) && l.Replays == other.Replays && !other.FailedAt.Before(then)
	}
}

// isRequeuedSince is about the copies that [DeadLetter.Requeue] makes. What is replayed was no dead letter.
func (l *DeadLetter) isRequeuedSince(then time.Time) func(nats.Header) bool {
	return func(header nats.Header) bool {
		other, err := ParseDeadLetter(header, nil)
		return err == nil && l.isSame(&other) && other.CausationID == l.ID() && other.Reason != ReasonReplay && !other.FailedAt.Before(then)
	}
}

// isSame tells whether it is the same message, as far as both know when it was published.
func (l *DeadLetter) isSame(other *DeadLetter) bool {
	unknown := l.PublishedAt.IsZero() || other.PublishedAt.IsZero()
	return l.Stream == other.Stream && l.Sequence == other.Sequence && (unknown || l.PublishedAt.Equal(other.PublishedAt))
}

// errCutShort says that not all messages came that are there.
var errCutShort = errors.New("the broker has not sent all of them")

const headersAtATime = 500

// anyHeader tells whether a message that the stream took at or after a time, on any of the subjects, has headers of some kind.
func anyHeader(
	ctx context.Context, stream jetstream.Stream, since time.Time, subjects []string, is func(nats.Header) bool,
) (found bool, err error) {
	config := jetstream.ConsumerConfig{
		FilterSubjects: subjects, AckPolicy: jetstream.AckNonePolicy, HeadersOnly: true, MemoryStorage: true, InactiveThreshold: time.Minute,
	}
	if !since.IsZero() {
		config.DeliverPolicy, config.OptStartTime = jetstream.DeliverByStartTimePolicy, &since
	}
	consumer, err := stream.CreateConsumer(ctx, config)
	if err != nil {
		return false, err //nolint:wrapcheck // the callers do
	}
	defer stream.DeleteConsumer(context.WithoutCancel(ctx), consumer.CachedInfo().Name) //nolint:errcheck // else it goes by itself
	for left := int(consumer.CachedInfo().NumPending); left > 0 && !found; {            //nolint:gosec // a count
		batch, err := consumer.Fetch(min(left, headersAtATime), jetstream.FetchMaxWait(lastWrite))
		if err != nil {
			return false, err //nolint:wrapcheck // the callers do
		}
		before := left
		for msg := range batch.Messages() {
			left--
			found = found || is(msg.Headers())
		}
		if err := batch.Error(); err != nil {
			return false, err //nolint:wrapcheck // the callers do
		}
		if left == before {
			return false, errCutShort
		}
	}
	return found, nil
}
