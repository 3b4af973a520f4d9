package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/internal/wire"
)

// watch is an ephemeral consumer of the stream. It learns when the broker took each event, and may be where events arrive, too.
type watch struct {
	js       jetstream.JetStream
	consumer jetstream.Consumer
	messages jetstream.MessagesContext
	stream   string
	identity identity
	ledger   *ledger
	clock    clock
	whole    bool // messages come with their payload, and arrive here
}

// openWatch begins behind the stream's last message of now. The broker selects the load's events where their subjects tell them apart.
func openWatch(ctx context.Context, js jetstream.JetStream, stream jetstream.Stream, cfg Config) (*watch, error) {
	subjects, err := wire.ParseSubjects(cfg.Prefix, cfg.Subject)
	if err != nil {
		return nil, err
	}
	info, err := stream.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("look up stream %s: %w", cfg.Stream, err)
	}
	w := &watch{js: js, stream: cfg.Stream, whole: cfg.Durable == ""}
	w.consumer, err = js.OrderedConsumer(ctx, cfg.Stream, jetstream.OrderedConsumerConfig{
		FilterSubjects: subjects.Filters(map[string][]string{wire.PlaceCategory: {Category}, wire.PlaceType: {Type}}),
		DeliverPolicy:  jetstream.DeliverByStartSequencePolicy, OptStartSeq: info.State.LastSeq + 1,
		HeadersOnly: !w.whole, InactiveThreshold: time.Minute,
	})
	if err == nil {
		w.messages, err = w.consumer.Messages()
	}
	if err != nil {
		return nil, fmt.Errorf("read stream %s: %w", cfg.Stream, err)
	}
	return w, nil
}

// run watches until ctx ends. Then nothing of the consumer is left.
func (w *watch) run(ctx context.Context) error {
	defer w.close(ctx)
	defer context.AfterFunc(ctx, w.messages.Stop)()
	for {
		msg, err := w.messages.Next()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("read stream %s: %w", w.stream, err)
		}
		if err := w.see(msg); err != nil {
			return fmt.Errorf("read stream %s: %w", w.stream, err)
		}
	}
}

func (w *watch) see(msg jetstream.Msg) error {
	id, err := uuid.Parse(msg.Headers().Get(nats.MsgIdHdr))
	if err != nil {
		return nil //nolint:nilerr // somebody else's
	}
	number, ours := w.identity.number(id)
	if !ours {
		return nil
	}
	metadata, err := msg.Metadata()
	if err != nil {
		return err //nolint:wrapcheck // run does
	}
	w.ledger.published(number, w.clock.broker(metadata.Timestamp))
	if !w.whole {
		return nil
	}
	event, err := wire.DecodeMessage(msg.Headers(), msg.Data())
	if err != nil {
		return err
	}
	if stream, ours := w.identity.nth(event.Stream); ours {
		w.ledger.handled(number, stream, event.Version, w.clock.now())
	}
	return nil
}

const lastWrite = 5 * time.Second

// close removes the consumer, which would otherwise go by itself after a while.
func (w *watch) close(ctx context.Context) {
	w.messages.Stop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
	defer cancel()
	if info := w.consumer.CachedInfo(); info != nil && w.js.Conn().IsConnected() {
		_ = w.js.DeleteConsumer(ctx, w.stream, info.Name) // see above
	}
}

// awaitStream returns the stream as soon as it is there.
func awaitStream(ctx context.Context, js jetstream.JetStream, name string, patience time.Duration) (jetstream.Stream, error) {
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	for {
		stream, err := js.Stream(patient, name)
		switch {
		case err == nil:
			return stream, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx) //nolint:wrapcheck // it is the caller's own
		case patient.Err() != nil:
			return nil, fmt.Errorf("stream %s is not there after %s; start a relay, which makes it", name, patience)
		case !errors.Is(err, jetstream.ErrStreamNotFound):
			return nil, fmt.Errorf("look up stream %s: %w", name, err)
		}
		select {
		case <-patient.Done():
		case <-look.C:
		}
	}
}
