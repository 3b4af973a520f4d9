package eventstore_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
)

const (
	linearClients  = 10
	linearCalls    = 150 // of each client
	linearPatience = time.Minute
)

// Ten clients append to two hot streams with every expectation, repeat themselves, lose their connection in the middle of a commit, and load:
// what they were told is what streams would have told that do one thing after another.
func TestConditionalAppendsAreLinearizable(t *testing.T) {
	t.Parallel()
	history := newHistory(t, widePool(t, 2*linearClients))
	var clients sync.WaitGroup
	for id := range linearClients {
		clients.Go(func() { history.client(id).run(t.Context(), linearCalls) })
	}
	clients.Wait()
	require.NoError(t, errors.Join(history.faults...))
	for _, stream := range hotStreams() {
		history.client(0).load(t.Context(), stream)
	}
	result := porcupine.CheckOperationsTimeout(linearStream(), history.operations, linearPatience)
	require.Equal(t, porcupine.Ok, result)
	t.Logf("%d calls: %+v", len(history.operations), history.tally())
}

// A store that looks at the version first and appends whatever it then is: the same check must find it out, or it proves nothing.
func TestCheckThenAppendIsNotLinearizable(t *testing.T) {
	t.Parallel()
	history := newHistory(t, widePool(t, linearClients))
	stream := hotStreams()[0]
	var clients, looked sync.WaitGroup
	looked.Add(linearClients)
	for id := range linearClients {
		clients.Go(func() {
			client := history.client(id)
			asked := call{stream: stream, expected: eventstore.NoStream, ids: []string{uuid.NewString()}}
			began := history.now()
			loaded, err := client.read(t.Context(), stream)
			looked.Done()
			looked.Wait() // all have seen that there is no such stream
			if err != nil || loaded != "" {
				history.fault(errors.Join(err, errors.New("the stream was there already")))
				return
			}
			got, err := client.try(t.Context(), call{stream: stream, expected: eventstore.Any, ids: asked.ids}, false)
			history.note(id, asked, got, began)
			history.fault(err)
		})
	}
	clients.Wait()
	require.NoError(t, errors.Join(history.faults...))
	require.Equal(t, porcupine.Illegal, porcupine.CheckOperationsTimeout(linearStream(), history.operations, linearPatience))
}

func hotStreams() []contrail.StreamID {
	return []contrail.StreamID{contrail.NewStreamID("hot", "1"), contrail.NewStreamID("hot", "2")}
}

// history is what all clients asked and were told, and when.
type history struct {
	pool  *pgxpool.Pool
	store *eventstore.Store
	began time.Time

	mu         sync.Mutex
	operations []porcupine.Operation
	faults     []error
}

func newHistory(tb testing.TB, pool *pgxpool.Pool) *history {
	tb.Helper()
	return &history{pool: pool, store: newStore(tb), began: time.Now()}
}

func (h *history) now() int64 { return int64(time.Since(h.began)) }

// note records an answer. One that never came may take effect at any time to come.
func (h *history) note(client int, asked call, got answer, began int64) {
	ended := h.now()
	if len(asked.ids) > 0 && !got.told {
		ended = math.MaxInt64
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.operations = append(h.operations, porcupine.Operation{ClientId: client, Input: asked, Call: began, Output: got, Return: ended})
}

func (h *history) fault(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = append(h.faults, err)
}

// tally counts the kinds of answers, so that one can see that there were all.
func (h *history) tally() map[string]int {
	kinds := make(map[string]int)
	for _, operation := range h.operations {
		asked, _ := operation.Input.(call)
		switch got, _ := operation.Output.(answer); {
		case len(asked.ids) == 0:
			kinds["loads"]++
		case !got.told:
			kinds["unknown"]++
		case got.conflict:
			kinds["conflicts"]++
		default:
			kinds["appends"]++
		}
	}
	return kinds
}

func (h *history) client(id int) *linearClient {
	return &linearClient{history: h, id: id, random: rand.New(rand.NewPCG(uint64(id), 7))}
}

// linearClient does one thing after another.
type linearClient struct {
	*history
	id     int
	random *rand.Rand
	seen   int64 // the version that it takes a stream to be at
	last   call  // its last append
}

func (c *linearClient) run(ctx context.Context, calls int) {
	for range calls {
		stream := hotStreams()[c.random.IntN(2)]
		switch choice := c.random.IntN(10); {
		case choice < 3:
			c.load(ctx, stream)
		case choice == 3 && c.last.ids != nil:
			c.append(ctx, c.last)
		default:
			c.append(ctx, c.draw(stream))
		}
	}
}

// draw draws an append of one or two events; Exactly is at the version that the client has seen last, as a command handler's is.
func (c *linearClient) draw(stream contrail.StreamID) call {
	expected := []eventstore.ExpectedVersion{
		eventstore.Any, eventstore.StreamExists, eventstore.NoStream, eventstore.Exactly(c.seen), eventstore.Exactly(c.seen),
	}[c.random.IntN(5)]
	asked := call{stream: stream, expected: expected}
	for range 1 + c.random.IntN(2) {
		asked.ids = append(asked.ids, uuid.NewString())
	}
	return asked
}

func (c *linearClient) load(ctx context.Context, stream contrail.StreamID) {
	began := c.now()
	loaded, err := c.read(ctx, stream)
	if err != nil {
		c.fault(err)
		return
	}
	c.note(c.id, call{stream: stream}, answer{told: true, loaded: loaded}, began)
	c.seen = int64(len(loaded) / idWidth)
}

func (c *linearClient) read(ctx context.Context, stream contrail.StreamID) (string, error) {
	var ids strings.Builder
	for event, err := range c.store.Load(ctx, c.pool, stream, 0) {
		if err != nil {
			return "", err
		}
		ids.WriteString(event.ID.String())
	}
	return ids.String(), nil
}

func (c *linearClient) append(ctx context.Context, asked call) {
	began := c.now()
	got, err := c.try(ctx, asked, c.random.IntN(20) == 0)
	if err != nil {
		c.fault(err)
		return
	}
	c.note(c.id, asked, got, began)
	c.last = asked
	if got.conflict && got.actual >= 0 {
		c.seen = got.actual
	} else if got.version > 0 {
		c.seen = got.version + int64(len(asked.ids)) - 1
	}
}

// try appends in a transaction of its own. When it is to lose the connection, it does so while it commits: nobody then knows the outcome.
func (c *linearClient) try(ctx context.Context, asked call, lose bool) (answer, error) {
	conn, err := c.pool.Acquire(ctx)
	if err != nil {
		return answer{}, err
	}
	defer conn.Release()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	events := make([]contrail.Event, len(asked.ids))
	for i, id := range asked.ids {
		events[i] = happened("A")
		events[i].ID = uuid.MustParse(id)
	}
	recorded, err := c.store.Append(ctx, tx, asked.stream, asked.expected, events...)
	if conflict, ok := errors.AsType[*eventstore.ConflictError](err); ok {
		return answer{told: true, conflict: true, actual: conflict.Actual}, nil
	}
	if err != nil {
		return answer{}, err
	}
	if lose {
		commitAndLose(ctx, tx, time.Duration(c.random.IntN(300))*time.Microsecond)
		return answer{}, nil
	}
	if err := tx.Commit(ctx); err != nil {
		return answer{}, err
	}
	return answer{told: true, version: recorded[0].Version}, nil
}

// commitAndLose cuts the connection so long after it was told to commit, and tells the pool.
func commitAndLose(ctx context.Context, tx pgx.Tx, after time.Duration) {
	conn := tx.Conn()
	cut := time.AfterFunc(after, func() { _ = conn.PgConn().Conn().Close() })
	defer cut.Stop()
	_ = tx.Commit(ctx) // whatever it says, this client has not heard it
	_ = conn.Close(ctx)
}

// Histories that no stream could have: the checker must find out each of them, and take its legal twin.
func TestLinearStreamTellsLegalFromIllegal(t *testing.T) {
	t.Parallel()
	one, two := uuid.NewString(), uuid.NewString()
	stream := hotStreams()[0]
	at := func(began, ended int64, asked call, got answer) porcupine.Operation {
		asked.stream, got.told = stream, got != answer{}
		return porcupine.Operation{Input: asked, Call: began, Output: got, Return: ended}
	}
	first := call{expected: eventstore.NoStream, ids: []string{one}}
	second := call{expected: eventstore.Exactly(1), ids: []string{two}}
	for name, test := range map[string]struct {
		legal      bool
		operations []porcupine.Operation
	}{
		"in turn":              {true, []porcupine.Operation{at(1, 2, first, answer{version: 1}), at(3, 4, second, answer{version: 2}), at(5, 6, call{}, answer{loaded: one + two})}},
		"overlapping":          {true, []porcupine.Operation{at(1, 6, first, answer{version: 1}), at(2, 7, second, answer{version: 2}), at(3, 8, call{}, answer{loaded: one})}},
		"stale load":           {false, []porcupine.Operation{at(1, 2, first, answer{version: 1}), at(3, 4, call{}, answer{told: true})}},
		"load goes back":       {false, []porcupine.Operation{at(1, 9, first, answer{version: 1}), at(2, 3, call{}, answer{loaded: one}), at(4, 5, call{}, answer{told: true})}},
		"two first ones":       {false, []porcupine.Operation{at(1, 9, first, answer{version: 1}), at(1, 9, call{expected: eventstore.NoStream, ids: []string{two}}, answer{version: 1})}},
		"lost update":          {false, []porcupine.Operation{at(1, 2, first, answer{version: 1}), at(3, 4, second, answer{version: 2}), at(5, 6, call{}, answer{loaded: one})}},
		"conflict":             {true, []porcupine.Operation{at(1, 2, second, answer{conflict: true}), at(3, 4, first, answer{version: 1})}},
		"conflict for nothing": {false, []porcupine.Operation{at(1, 2, first, answer{version: 1}), at(3, 4, second, answer{conflict: true, actual: 1})}},
		"another actual":       {false, []porcupine.Operation{at(1, 2, second, answer{conflict: true, actual: 3})}},
		"actual not told":      {true, []porcupine.Operation{at(1, 2, second, answer{conflict: true, actual: -1})}},
		"repeated":             {true, []porcupine.Operation{at(1, 2, first, answer{version: 1}), at(3, 4, second, answer{version: 2}), at(5, 6, first, answer{version: 1})}},
		"appended twice":       {false, []porcupine.Operation{at(1, 2, first, answer{version: 1}), at(3, 4, first, answer{version: 2})}},
		"unknown, and there":   {true, []porcupine.Operation{at(1, math.MaxInt64, first, answer{}), at(3, 4, call{}, answer{loaded: one})}},
		"unknown, and late":    {true, []porcupine.Operation{at(1, math.MaxInt64, first, answer{}), at(3, 4, call{}, answer{told: true}), at(5, 6, call{}, answer{loaded: one})}},
		"unknown, and never":   {true, []porcupine.Operation{at(1, math.MaxInt64, first, answer{}), at(3, 4, call{}, answer{told: true})}},
		"unknown, and gone":    {false, []porcupine.Operation{at(1, math.MaxInt64, first, answer{}), at(3, 4, call{}, answer{loaded: one}), at(5, 6, call{}, answer{told: true})}},
	} {
		require.Equal(t, test.legal, porcupine.CheckOperations(linearStream(), test.operations), name)
	}
}
