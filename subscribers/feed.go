package subscribers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// feed is a consumer that a session takes deliveries from: that of the events, or that of what was requeued to this consumer alone.
type feed struct {
	id     uint8
	stream string // the JetStream stream
	name   string // the durable consumer
	filter []string
	absent string // what to say when the stream is missing

	start func(ctx context.Context) (sequence uint64, err error) // where a consumer that is new begins
	place func(*delivery)                                        // tells of a delivery where it stands in the relay's stream
}

// metadataStream is in the metadata of a consumer that a subscription made: the stream of its events.
const metadataStream = "contrail-stream"

// firstSequence is that of the first message that a stream ever took.
const firstSequence = 1

// eventsFeed are the events themselves.
func (s *Subscription) eventsFeed() *feed {
	return &feed{
		id: 0, stream: s.config.Stream, name: s.config.Durable, filter: s.config.filters(), absent: "the relay creates it when it starts",
		start: s.firstSequence, place: func(*delivery) {},
	}
}

// requeueFeed are the events that a person has requeued to this consumer.
func (s *Subscription) requeueFeed() *feed {
	return &feed{
		id: 1, stream: s.config.DeadLetters, name: s.config.Durable, filter: []string{RequeueSubject(s.config.DeadLetters, s.config.Durable)},
		absent: "somebody has deleted it",
		start:  func(context.Context) (uint64, error) { return firstSequence, nil },
		place: func(d *delivery) {
			d.requeued, d.alone = true, true
			if letter, err := ParseDeadLetter(d.msg.Headers(), d.msg.Data()); err == nil {
				d.origin, d.number, d.subject = &letter, letter.Sequence, letter.Subject
			}
		},
	}
}

// ensure creates the feed's durable consumer or updates the one that is there, if it was made for the same purpose.
func (f *feed) ensure(ctx context.Context, js jetstream.JetStream, config Config) (jetstream.Consumer, error) {
	stream, err := js.Stream(ctx, f.stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("stream %s does not exist; %s: %w", f.stream, f.absent, err)
	}
	if err != nil {
		return nil, fmt.Errorf("look up stream %s: %w", f.stream, err)
	}
	wanted := jetstream.ConsumerConfig{Durable: f.name, AckPolicy: jetstream.AckExplicitPolicy, MaxDeliver: config.MaxDeliver}
	existing, err := stream.Consumer(ctx, f.name)
	switch {
	case errors.Is(err, jetstream.ErrNotPullConsumer):
		return nil, misconfigured("consumer %s exists as a push consumer (DeliverSubject); choose another Durable", f.name)
	case err == nil:
		found := existing.CachedInfo()
		wanted = found.Config
		if err := checkConsumer(wanted, config.Stream); err != nil {
			return nil, err
		}
		wanted.MaxDeliver = maxDeliver(found, config.MaxDeliver)
	case !errors.Is(err, jetstream.ErrConsumerNotFound):
		return nil, fmt.Errorf("look up consumer %s: %w", f.name, err)
	default:
		begin, err := f.start(ctx)
		if err != nil {
			return nil, fmt.Errorf("find out where consumer %s begins: %w", f.name, err)
		}
		if begin > firstSequence {
			wanted.DeliverPolicy, wanted.OptStartSeq = jetstream.DeliverByStartSequencePolicy, begin
		}
	}
	f.apply(&wanted, config)
	if existing != nil && reflect.DeepEqual(wanted, existing.CachedInfo().Config) {
		return existing, nil // an update could undo what somebody changes at this moment
	}
	consumer, err := stream.CreateOrUpdateConsumer(ctx, wanted)
	if err != nil {
		return nil, fmt.Errorf("create consumer %s: %w", f.name, err)
	}
	return consumer, nil
}

// checkUndivided refuses to leave events behind in the partitions that the durable had before.
func (s *Subscription) checkUndivided(ctx context.Context) error {
	if s.config.Partitions > 0 {
		return nil
	}
	name := partitionStream(s.config.Stream, s.config.Durable)
	stream, err := s.js.Stream(ctx, name)
	if err != nil || stream.CachedInfo().Config.Metadata[metadataPartitions] == "" {
		return nil //nolint:nilerr // there are none, or nobody lets us know
	}
	return misconfigured("Partitions is 0, and consumer %s is divided into partitions (stream %s); stop its processes and run "+
		"`contrail subscriptions undivide %s`", s.config.Durable, name, s.config.Durable)
}

// maxDeliver lowers the broker's bound only while nothing is in hand: it drops an event that was delivered more often than that without a word.
// Until then the subscription keeps to the lower one by itself.
func maxDeliver(found *jetstream.ConsumerInfo, wanted int) int {
	if now := found.Config.MaxDeliver; (now < 0 || now > wanted) && found.NumAckPending > 0 {
		return now
	}
	return wanted
}

// checkConsumer refuses a consumer whose configuration can't be changed to ours, or was chosen for another way of retrying.
func checkConsumer(found jetstream.ConsumerConfig, stream string) error {
	refuse := func(field string, value any) error {
		return fmt.Errorf("consumer %s exists with %s %v; delete it or choose another Durable", found.Durable, field, value)
	}
	var faults []error
	if found.AckPolicy != jetstream.AckExplicitPolicy {
		faults = append(faults, refuse("AckPolicy", found.AckPolicy))
	}
	if found.DeliverPolicy == jetstream.DeliverLastPolicy || found.DeliverPolicy == jetstream.DeliverLastPerSubjectPolicy {
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
	if other := found.Metadata[metadataStream]; other != "" && other != stream {
		faults = append(faults, fmt.Errorf("consumer %s belongs to a subscription to stream %s; choose another Durable, or DeadLetters of its own",
			found.Durable, other))
	}
	if len(faults) > 0 {
		return configError{errors.Join(faults...)}
	}
	return nil
}

// apply writes what the subscription decides over a consumer's configuration, and leaves the rest, such as its replicas and whether it is paused,
// alone.
func (f *feed) apply(consumer *jetstream.ConsumerConfig, config Config) {
	consumer.AckWait = config.AckWait
	consumer.MaxAckPending = config.MaxAckPending
	consumer.InactiveThreshold = 0 // it must outlive any pause
	consumer.MaxRequestBatch, consumer.MaxRequestExpires, consumer.MaxRequestMaxBytes = 0, 0, 0
	consumer.FilterSubject, consumer.FilterSubjects = "", slices.Clone(f.filter)
	if len(f.filter) == 1 {
		consumer.FilterSubject, consumer.FilterSubjects = f.filter[0], nil
	}
	metadata := map[string]string{metadataStream: config.Stream}
	maps.Copy(metadata, consumer.Metadata)
	consumer.Metadata = metadata
}
