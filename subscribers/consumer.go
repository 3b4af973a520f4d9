package subscribers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// configError is what only a person can mend.
type configError struct{ error }

func (e configError) Unwrap() error { return e.error }

func misconfigured(format string, args ...any) error { return configError{fmt.Errorf(format, args...)} }

// hopeless tells whether trying again is of no use: the configuration is wrong, the broker calls the request bad, or somebody closed
// the connection. A consumer that is deleted between the look for it and its update is none of these.
func hopeless(err error) bool {
	refusal, refused := errors.AsType[*jetstream.APIError](err)
	bad := refused && refusal.Code == 400 && refusal.ErrorCode != jetstream.JSErrCodeConsumerDoesNotExist
	return isMisconfigured(err) || bad || errors.Is(err, nats.ErrConnectionClosed)
}

// insist calls try until it succeeds, fails for good, or ctx ends; then the value is zero and the error nil.
func insist[T any](ctx context.Context, config Config, try func(context.Context) (T, error)) (T, error) {
	var none T
	for failure := 1; ; failure++ {
		got, err := try(ctx)
		switch {
		case err == nil:
			return got, nil
		case ctx.Err() != nil:
			return none, nil //nolint:nilerr // the end that was asked for
		case hopeless(err):
			return none, err
		}
		config.Logger.WarnContext(ctx, "subscription can't start yet, trying again",
			slog.String("consumer", config.Durable), slog.Any("error", err))
		if !wait(ctx, nil, config.Backoff.delay(failure)) {
			return none, nil
		}
	}
}

// ensureConsumer creates the durable consumer or updates the one that is there, if it was made for the same purpose.
func ensureConsumer(ctx context.Context, js jetstream.JetStream, config Config) (jetstream.Consumer, error) {
	stream, err := js.Stream(ctx, config.Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("stream %s does not exist; the relay creates it when it starts: %w", config.Stream, err)
	}
	if err != nil {
		return nil, fmt.Errorf("look up stream %s: %w", config.Stream, err)
	}
	wanted := jetstream.ConsumerConfig{Durable: config.Durable, AckPolicy: jetstream.AckExplicitPolicy}
	existing, err := stream.Consumer(ctx, config.Durable)
	switch {
	case errors.Is(err, jetstream.ErrNotPullConsumer):
		return nil, misconfigured("consumer %s exists as a push consumer (DeliverSubject); choose another Durable", config.Durable)
	case err == nil:
		wanted = existing.CachedInfo().Config
		if err := checkConsumer(wanted); err != nil {
			return nil, err
		}
	case !errors.Is(err, jetstream.ErrConsumerNotFound):
		return nil, fmt.Errorf("look up consumer %s: %w", config.Durable, err)
	}
	config.apply(&wanted)
	consumer, err := stream.CreateOrUpdateConsumer(ctx, wanted)
	if err != nil {
		return nil, fmt.Errorf("create consumer %s: %w", config.Durable, err)
	}
	return consumer, nil
}

// checkConsumer refuses a consumer whose configuration can't be changed to ours, or was chosen for another way of retrying.
func checkConsumer(found jetstream.ConsumerConfig) error {
	refuse := func(field string, value any) error {
		return fmt.Errorf("consumer %s exists with %s %v; delete it or choose another Durable", found.Durable, field, value)
	}
	var faults []error
	if found.AckPolicy != jetstream.AckExplicitPolicy {
		faults = append(faults, refuse("AckPolicy", found.AckPolicy))
	}
	if found.DeliverPolicy != jetstream.DeliverAllPolicy {
		faults = append(faults, refuse("DeliverPolicy", found.DeliverPolicy))
	}
	if found.ReplayPolicy != jetstream.ReplayInstantPolicy {
		faults = append(faults, refuse("ReplayPolicy", found.ReplayPolicy))
	}
	if len(found.BackOff) > 0 {
		faults = append(faults, refuse("BackOff", found.BackOff))
	}
	if found.HeadersOnly {
		faults = append(faults, refuse("HeadersOnly", found.HeadersOnly))
	}
	if len(found.PriorityGroups) > 0 {
		faults = append(faults, refuse("PriorityGroups", found.PriorityGroups))
	}
	if len(faults) > 0 {
		return configError{errors.Join(faults...)}
	}
	return nil
}

// apply writes what the subscription decides over a consumer's configuration, and leaves the rest, such as its replicas, alone.
func (c Config) apply(consumer *jetstream.ConsumerConfig) {
	consumer.MaxDeliver = c.MaxDeliver
	consumer.AckWait = c.AckWait
	consumer.MaxAckPending = c.MaxAckPending
	consumer.InactiveThreshold = 0 // it must outlive any pause
	consumer.FilterSubject, consumer.FilterSubjects = "", slices.Clone(c.Filter)
	if len(c.Filter) == 1 {
		consumer.FilterSubject, consumer.FilterSubjects = c.Filter[0], nil
	}
}
