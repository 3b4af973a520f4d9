package subscribers_test

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/codec"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

// Names that the broker or the database would not take, and a start that means nothing, are refused at once.
func TestNewRefusesWhatNobodyTakes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config subscribers.Config
		want   string
	}{
		"position 0":   {subscribers.Config{Durable: "test", Start: subscribers.FromPosition(0)}, "Start: position 0 is not above zero"},
		"invalid UTF8": {subscribers.Config{Durable: "b\xff"}, `Durable: "b\xff" must not contain`},
		"NUL":          {subscribers.Config{Durable: "b\x00"}, `Durable: "b\x00" must not contain`},
		"vertical tab": {subscribers.Config{Durable: "c\v"}, `Durable: "c\v" must not contain`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := subscribers.New(newWorld(t).js, c.config)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// What only the broker can refuse ends Run, and before anything is delivered.
func TestRunRefusesWhatTheBrokerDoesNotTake(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]subscribers.Config{
		"dead letters in the stream itself": {Durable: "test", DeadLetters: wire.DefaultStream},
		"name too long":                     {Durable: strings.Repeat("x", 250)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.publish(t, "invoice-1", drafted{})
			sub, err := subscribers.New(w.js, config)
			if err == nil {
				subscribers.Handle(sub, succeed)
				err = outcome(t, sub)
				require.Zero(t, sub.Stats().Delivered)
			}
			require.Error(t, err)
		})
	}
}

// drafting is another payload of the type's name.
type drafting struct {
	M string `json:"m"`
}

func (drafting) EventType() string { return "InvoiceDrafted" }

// A handler that takes another payload than the codec makes of its events: Run ends before one of them is a dead letter for it.
func TestHandlerOfAnotherPayloadThanTheCodecs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publishMany(t, 200, 1)
	sub := w.subscribe(t, subscribers.Config{Codec: codec.MustNew(codec.Type[drafting]()), MaxDeliver: 3})
	subscribers.Handle(sub, succeed)
	require.ErrorContains(t, outcome(t, sub), "register the same type with both")
	require.Empty(t, w.deadLetters(t))
}

// A consumer that somebody has limited in its pulls, which would refuse every one of a subscription's, is not limited any more.
func TestConsumerWithALimitOfItsPulls(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const count = 20
	w.publishMany(t, count, 5)
	_, err := w.js.CreateConsumer(t.Context(), wire.DefaultStream, jetstream.ConsumerConfig{
		Durable: "test", AckPolicy: jetstream.AckExplicitPolicy, MaxRequestBatch: 10, FilterSubject: "events.>",
	})
	require.NoError(t, err)
	sub := w.subscribe(t, subscribers.Config{})
	subscribers.Handle(sub, succeed)
	run(t, sub)
	w.settled(t)
	require.Equal(t, int64(count), sub.Stats().Handled)
}
