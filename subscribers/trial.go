package subscribers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A process that dies takes a delivery from each event that it has in hand, and only one of them is to blame. So the last delivery of an event is a
// trial: it is handled by itself, and a marker in the stream of dead letters says so for as long as it is. An event whose deliveries are used up without
// anybody's answer, and that has no marker, was not even looked at: it gets another chance.

const (
	headerTrialBy = "Contrail-Trial-By" // which Subscription, as a process has it, handles the event

	trialAhead = 5 * time.Second // how long a trial keeps the next one of the process waiting
	maxChances = 3               // how often an event may get one
)

// isTrial tells whether this is the event's last delivery, and not its first as well.
func (s *session) isTrial(d *delivery) bool { return s.config.MaxDeliver > 1 && s.scheduler.last(d) }

// tryAlone marks an event as being on trial, and returns what ends that. One trial after another begins, unless one takes long: it should
// be the only one when it takes the process down.
func (s *session) tryAlone(ctx context.Context, d *delivery) (over func()) {
	leave := s.enterTrial(ctx)
	_, meta := d.current()
	marker, err := s.publishMarker(ctx, s.trialSubject(meta.Stream, meta.Sequence.Stream))
	if err != nil {
		s.config.Logger.DebugContext(ctx, "an event on its last delivery could not be marked", slog.String("consumer", s.config.Durable),
			slog.Uint64("sequence", d.sequence), slog.Any("error", err))
		return leave
	}
	return func() {
		leave()
		s.removeMarker(ctx, marker)
	}
}

// enterTrial waits until no trial of this process is younger than trialAhead.
func (s *session) enterTrial(ctx context.Context) (leave func()) {
	timer := time.NewTimer(trialAhead)
	defer timer.Stop()
	select {
	case s.trials <- struct{}{}:
		return func() { <-s.trials }
	case <-timer.C:
	case <-ctx.Done():
	}
	return func() {}
}

// trialSubject is deadletters.trials.<consumer>.<stream>.<sequence>.
func (s *session) trialSubject(stream string, sequence uint64) string {
	return s.letters.prefix() + ".trials." + s.config.Durable + "." + stream + "." + strconv.FormatUint(sequence, 10)
}

func (s *session) publishMarker(ctx context.Context, subject string) (sequence uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, lastWrite)
	defer cancel()
	marker := &nats.Msg{Subject: subject, Header: nats.Header{headerTrialBy: {s.id}}}
	ack, err := s.js.PublishMsg(ctx, marker, jetstream.WithExpectStream(s.letters.name))
	if err != nil {
		return 0, err //nolint:wrapcheck // the one caller logs it
	}
	return ack.Sequence, nil
}

// removeMarker deletes it. One that stays behind ages with the stream.
func (s *session) removeMarker(ctx context.Context, sequence uint64) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
	defer cancel()
	stream, err := s.js.Stream(ctx, s.letters.name)
	if err == nil {
		err = stream.DeleteMsg(ctx, sequence)
	}
	if err != nil {
		s.config.Logger.DebugContext(ctx, "the marker of a trial stays behind", slog.Uint64("marker", sequence), slog.Any("error", err))
	}
}

// isToBlame tells whether an event that nobody answered for was the only one on trial in its process.
func (s *session) isToBlame(ctx context.Context, a advisory) (bool, error) {
	stream, err := s.js.Stream(ctx, s.letters.name)
	if err != nil {
		return false, fmt.Errorf("look up stream %s: %w", s.letters.name, err)
	}
	subject := s.trialSubject(a.Stream, a.Sequence)
	by, err := trialBy(ctx, stream, subject)
	if err != nil || by == "" {
		return false, err
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(s.letters.prefix()+".trials."+s.config.Durable+".>"))
	if err != nil {
		return false, fmt.Errorf("look for trials: %w", err)
	}
	for other := range info.State.Subjects {
		if other == subject {
			continue
		}
		if also, err := trialBy(ctx, stream, other); err != nil || also == by {
			return false, err
		}
	}
	return true, nil
}

// trialBy is the last marker on a subject, "" without one.
func trialBy(ctx context.Context, stream jetstream.Stream, subject string) (by string, err error) {
	marker, err := stream.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look for a trial: %w", err)
	}
	return marker.Header.Get(headerTrialBy), nil
}

// hasChance tells whether an event that the broker has given up is handled once more, instead of becoming a dead letter.
func (s *session) hasChance(ctx context.Context, a advisory, letter DeadLetter) (bool, error) {
	if a.Type != typeExhausted || s.config.MaxDeliver == 1 || letter.Replays >= maxChances || letter.Subject == unknownSubject {
		return false, nil
	}
	blamed, err := s.isToBlame(ctx, a)
	return !blamed && err == nil, err
}

// giveChance requeues an event that the broker has given up, and that was not to blame. Its id is that of the advisory's, so that nothing doubles it
// when the advisory is read again.
func (s *session) giveChance(ctx context.Context, a advisory, letter DeadLetter) error {
	again := letter.Requeue(s.letters.name)
	again.Header.Set(jetstream.MsgIDHeader, fmt.Sprintf("%s#%d", again.Header.Get(jetstream.MsgIDHeader), a.Time.UnixNano()))
	if _, err := s.js.PublishMsg(ctx, again, jetstream.WithExpectStream(s.letters.name)); err != nil {
		return fmt.Errorf("requeue event %d of %s, which was in hand when a process died: %w", letter.Sequence, letter.Stream, err)
	}
	s.config.Logger.WarnContext(ctx, "an event used up its deliveries in the hands of processes that died, and was never tried by itself; it is handled once more",
		slog.String("consumer", s.config.Durable), slog.String("subject", letter.Subject), slog.Uint64("sequence", letter.Sequence))
	return nil
}
