package subscribers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/internal/wire"
)

// Advisories are sent once, to whoever listens, so a stream has to listen all the time.
const (
	advisoryStream = wire.Advisories
	advisoriesKept = 30 * 24 * time.Hour
	advisoryWait   = 30 * time.Second // for a process to answer for one, and how long one waits that a frozen process has taken
)

// metadataDurable is in the metadata of a consumer of advisories, beside metadataStream: the subscription's Durable.
const metadataDurable = "contrail-durable"

// advisoryKinds are in one order for all processes: those that create the stream at the same time have to ask for the same one.
func advisoryKinds() []string { return []string{subjectExhausted, subjectTerminated} }

// advisories makes sure that a stream takes the advisories on the session's consumers, and returns a consumer of the subscription's for each that
// does: it is one, unless somebody takes the two kinds in different ones.
func (s *session) advisories(ctx context.Context) ([]jetstream.Consumer, error) {
	takers, missing, err := s.advisoryTakers(ctx)
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		refused := s.createAdvisoryStream(ctx, missing)
		if takers, missing, err = s.advisoryTakers(ctx); err != nil { // somebody else may have been quicker
			return nil, err
		}
		if len(missing) > 0 {
			return nil, s.unadvised(ctx, missing, refused)
		}
	}
	consumers := make([]jetstream.Consumer, 0, len(takers))
	for stream, subjects := range takers {
		consumer, err := s.advisoryConsumer(ctx, stream, subjects)
		if err != nil {
			return nil, err
		}
		consumers = append(consumers, consumer)
	}
	return consumers, nil
}

// advisoryTakers are the streams that take the advisories, whoever made them, with the subjects; and the kinds of which some are not taken.
func (s *session) advisoryTakers(ctx context.Context) (takers map[string][]string, missing []string, err error) {
	takers = map[string][]string{}
	for _, kind := range advisoryKinds() {
		untaken := false
		for _, feed := range s.feeds {
			subject := kind + "." + feed.stream + "." + feed.name
			switch taker, err := s.js.StreamNameBySubject(ctx, subject); {
			case errors.Is(err, jetstream.ErrStreamNotFound):
				untaken = true
			case err != nil:
				return nil, nil, fmt.Errorf("look for the stream that takes the broker's advisories: %w", err)
			default:
				takers[taker] = append(takers[taker], subject)
			}
		}
		if untaken {
			missing = append(missing, kind)
		}
	}
	return takers, missing, nil
}

// createAdvisoryStream makes the stream as safe as that of the events is.
func (s *session) createAdvisoryStream(ctx context.Context, kinds []string) error {
	events, err := s.js.Stream(ctx, s.config.Stream)
	if err != nil {
		return fmt.Errorf("look up stream %s: %w", s.config.Stream, err)
	}
	config := jetstream.StreamConfig{
		Name: advisoryStream, Description: "What the broker says of events that it has given up, for Contrail's subscriptions.",
		Retention: jetstream.LimitsPolicy, Storage: jetstream.FileStorage, MaxAge: advisoriesKept, Replicas: events.CachedInfo().Config.Replicas,
	}
	for _, kind := range kinds {
		config.Subjects = append(config.Subjects, kind+".>")
	}
	_, err = s.js.CreateStream(ctx, config)
	return err //nolint:wrapcheck // unadvised does
}

// unadvised is about advisories that no stream takes. Without them an event could be lost in silence, so the subscription does not run.
func (s *session) unadvised(ctx context.Context, missing []string, refused error) error {
	refusal, answered := errors.AsType[*jetstream.APIError](refused)
	switch {
	case (refused == nil || errors.Is(refused, jetstream.ErrStreamNameAlreadyInUse)) && s.isBeingMade(ctx, missing):
		return fmt.Errorf("stream %s for the broker's advisories is being made, and is not known everywhere yet", advisoryStream)
	case answered && refusal.Code < 500 && !errors.Is(refused, jetstream.ErrStreamNotFound), refused == nil, s.isForbidden(refused):
		return misconfigured("no stream takes all advisories of the broker on subjects %v.>, and %s can't be created (%w); "+
			"let whoever may do so create it with these subjects, or let one stream take all of them", missing, advisoryStream, orRefused(refused))
	}
	return fmt.Errorf("create stream %s for the broker's advisories: %w", advisoryStream, refused)
}

// isBeingMade tells whether a cluster has given out the stream's name and nobody can look the stream up yet, or not by its subjects.
func (s *session) isBeingMade(ctx context.Context, kinds []string) bool {
	stream, err := s.js.Stream(ctx, advisoryStream)
	if err != nil {
		return errors.Is(err, jetstream.ErrStreamNotFound)
	}
	taken := stream.CachedInfo().Config.Subjects
	return !slices.ContainsFunc(kinds, func(kind string) bool { return !slices.Contains(taken, kind+".>") })
}

func orRefused(err error) error {
	if err == nil {
		return errors.New("it exists, with other subjects")
	}
	return err
}

// isForbidden tells whether the role may not create the stream. The broker does not answer then, and says why on the connection.
func (s *session) isForbidden(err error) bool {
	silent := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout)
	return silent && errors.Is(s.js.Conn().LastError(), nats.ErrPermissionViolation)
}

// advisoryConsumer creates the subscription's consumer of advisories. All its processes share it.
func (s *session) advisoryConsumer(ctx context.Context, stream string, subjects []string) (jetstream.Consumer, error) {
	name := s.config.Stream + "_" + s.feeds[0].name // of a partition, its own
	existing, err := s.js.Consumer(ctx, stream, name)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound):
	case errors.Is(err, jetstream.ErrNotPullConsumer):
		return nil, foreignConsumer(name, stream)
	case err != nil:
		return nil, fmt.Errorf("look up consumer %s of stream %s: %w", name, stream, err)
	default:
		metadata := existing.CachedInfo().Config.Metadata
		if metadata[metadataStream] != s.config.Stream || metadata[metadataDurable] != s.config.Durable {
			return nil, foreignConsumer(name, stream)
		}
	}
	consumer, err := s.js.CreateOrUpdateConsumer(ctx, stream, jetstream.ConsumerConfig{
		Durable: name, Description: "Events that the broker gave up, to become dead letters of " + s.config.Durable + ".",
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: advisoryWait, MaxDeliver: -1, FilterSubjects: subjects,
		Metadata: map[string]string{metadataStream: s.config.Stream, metadataDurable: s.config.Durable},
	})
	if err != nil {
		return nil, fmt.Errorf("create consumer %s of stream %s, which takes the broker's advisories: %w", name, stream, err)
	}
	return consumer, nil
}

func foreignConsumer(name, stream string) error {
	return misconfigured("consumer %s of stream %s, which takes the broker's advisories, belongs to somebody else; choose another Durable", name, stream)
}
