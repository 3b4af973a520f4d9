package publisher_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/publisher"
)

// modelRelay is a relay that runs.
type modelRelay struct {
	relay  *publisher.Relay
	cancel context.CancelFunc
	ended  chan error
}

func (m *model) config() publisher.Config {
	pick := func(values ...int) int { return values[m.random.IntN(len(values))] }
	cfg := publisher.Config{
		AckTimeout: 2 * time.Second, RetryMin: time.Millisecond, RetryMax: 20 * time.Millisecond, Fence: m.kind.fence,
		BatchEvents: pick(1, 3, 20), InFlight: pick(1, 2, 8), Attempts: pick(1, 2, 3), OnPermanent: m.kind.modes[m.random.IntN(len(m.kind.modes))],
		Format: []publisher.Format{publisher.Structured, publisher.Binary}[m.random.IntN(2)],
	}
	if m.random.IntN(2) == 0 {
		cfg.Wake = eventstore.Poll(5 * time.Millisecond)
	}
	if m.random.IntN(3) == 0 {
		cfg.Middlewares = []message.HandlerMiddleware{m.middleware()}
	}
	return cfg
}

var errModel = errors.New("a middleware of the model's")

// middleware misbehaves now and then.
func (m *model) middleware() message.HandlerMiddleware {
	random := rand.New(rand.NewPCG(m.random.Uint64(), 2))
	whims := make(chan int, 1000)
	for range cap(whims) {
		whims <- random.IntN(60)
	}
	return func(next message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			whim := 100
			select {
			case whim = <-whims:
			default:
			}
			switch whim {
			case 0:
				return nil, errModel
			case 1: // swallows the batch
				return nil, nil
			case 2: // swallows the error
				produced, _ := next(msg)
				return produced, nil
			case 3:
				panic(errModel)
			case 4: // it is there all the same
				produced, err := next(msg)
				return produced, errors.Join(err, errModel)
			case 5: // tries twice
				_, _ = next(msg)
				return next(msg)
			}
			return next(msg)
		}
	}
}

func (m *model) startRelay(tb testing.TB) {
	tb.Helper()
	if len(m.relays) == 3 {
		return
	}
	js, err := jetstream.New(natstest.Connect(tb, m.broker.URL()))
	require.NoError(tb, err)
	relay := newRelay(tb, m.pool, js, m.config())
	if m.kind.believers {
		relay.BelieveInLeading()
	}
	ctx, cancel := context.WithCancel(context.Background())
	one := &modelRelay{relay, cancel, make(chan error, 1)}
	m.crashSomewhere(relay, cancel)
	go func() { one.ended <- relay.Run(ctx) }()
	tb.Cleanup(cancel)
	m.relays = append(m.relays, one)
}

// crashSomewhere ends the relay's sessions at some point of its loop, so that it writes nothing more, and then the relay.
func (m *model) crashSomewhere(relay *publisher.Relay, cancel context.CancelFunc) {
	if m.random.IntN(3) > 0 {
		return
	}
	armed := &trap{}
	armed.set(points[m.random.IntN(len(points))], m.random.IntN(30), func() {
		_, _ = m.pool.Exec(context.Background(), endSessionsSQL)
		cancel()
	})
	relay.OnPoint(armed.pass)
}

func (m *model) endRelay(tb testing.TB) {
	tb.Helper()
	if len(m.relays) == 0 {
		return
	}
	i := m.random.IntN(len(m.relays))
	m.relays[i].cancel()
	requireEnds(tb, m.relays[i].ended)
	m.relays = slices.Delete(m.relays, i, i+1)
}

func requireEnds(tb testing.TB, ended <-chan error) {
	tb.Helper()
	select {
	case err := <-ended:
		require.NoError(tb, err)
	case <-time.After(patience):
		require.FailNow(tb, "the relay does not end")
	}
}

func (m *model) endAll(tb testing.TB) {
	tb.Helper()
	for len(m.relays) > 0 {
		m.endRelay(tb)
	}
}

func (m *model) pauseSome(testing.TB)  { m.each((*publisher.Relay).Pause) }
func (m *model) resumeSome(testing.TB) { m.each((*publisher.Relay).Resume) }

func (m *model) each(do func(*publisher.Relay)) {
	for _, one := range m.relays {
		if m.random.IntN(2) == 0 {
			do(one.relay)
		}
	}
}

// requireAlive takes away the relays that have crashed; none ends with an error.
func (m *model) requireAlive(tb testing.TB) {
	tb.Helper()
	m.relays = slices.DeleteFunc(m.relays, func(one *modelRelay) bool {
		select {
		case err := <-one.ended:
			require.NoError(tb, err)
			return true
		default:
			return false
		}
	})
}
