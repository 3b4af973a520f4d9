package publisher

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// acks reads the broker's acknowledgements of one session. Each message asks for its answer on a subject of its own, <inbox>.<batch>-<index>, and one
// subscription takes them all. (The client's own asynchronous publishing keeps a timer, a future and two channels for each message, which costs
// more than all the rest of the relay: docs/adr/0011.)
//
// An answer that was on its way when the connection was lost never comes, and what the client would send after it has reconnected is out of
// turn: so the first loss of the connection with something on its way ends the session.
type acks struct {
	conn   *nats.Conn
	stream string
	limit  time.Duration // for an answer
	inbox  string

	mu      sync.Mutex
	waiting map[int]*answers // by the number of the batch
	number  int
	sub     *nats.Subscription // nil until something is sent
	status  chan nats.Status   // what has become of the connection

	broken sync.Once
	lost   chan struct{} // closed when nothing can be sent or answered any more,
	why    error         // for this reason
}

func newAcks(conn *nats.Conn, stream string, limit time.Duration) *acks {
	return &acks{
		conn: conn, stream: stream, limit: limit, inbox: conn.NewInbox() + ".",
		waiting: map[int]*answers{}, lost: make(chan struct{}),
	}
}

// errSessionOver says that nobody reads answers any more.
var errSessionOver = errors.New("the session is over")

// close gives the subscription back. Who still waits is told so.
func (a *acks) close() {
	a.lose(errSessionOver)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sub != nil {
		_ = a.sub.Unsubscribe() // fails where the connection is closed, and the subscription with it
		a.conn.RemoveStatusListener(a.status)
	}
}

func (a *acks) lose(why error) {
	a.broken.Do(func() {
		a.why = why
		close(a.lost)
	})
}

// disconnected ends the session.
func (a *acks) disconnected() {
	if a.conn.IsClosed() {
		a.lose(nats.ErrConnectionClosed)
		return
	}
	a.lose(nats.ErrDisconnected)
}

// intact returns why nothing may be sent any more, nil if it may. The client tells of a loss before it keeps a message for the time after: so
// no more than one comes out of turn, and the fence is for that one.
func (a *acks) intact() error {
	select {
	case <-a.status:
		a.disconnected()
	default:
	}
	if isClosed(a.lost) {
		return a.why
	}
	return nil
}

// begin opens a batch of n messages. wait must be called.
func (a *acks) begin(n int) (*answers, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if isClosed(a.lost) {
		return nil, a.why
	}
	if err := a.listen(); err != nil {
		return nil, err
	}
	for len(a.waiting) == 0 && len(a.status) > 0 { // nothing was on its way when the connection was lost
		<-a.status
	}
	if !a.conn.IsConnected() {
		a.disconnected()
		return nil, a.why
	}
	a.number++
	w := &answers{
		acks: a, number: a.number, reply: a.inbox + strconv.Itoa(a.number) + "-",
		got: make([]outcome, n), open: n + 1, done: make(chan struct{}),
	}
	a.waiting[w.number] = w
	return w, nil
}

// listen subscribes, once.
func (a *acks) listen() (err error) {
	if a.sub != nil {
		return nil
	}
	if a.sub, err = a.conn.Subscribe(a.inbox+"*", a.take); err != nil {
		return fmt.Errorf("subscribe to acknowledgements: %w", err)
	}
	a.status = a.conn.StatusChanged(nats.RECONNECTING, nats.DISCONNECTED, nats.CLOSED)
	return a.sub.SetPendingLimits(-1, -1) //nolint:wrapcheck // -1 is legal; what is on its way is bounded by Config.InFlight
}

// take is called for one answer after another. One that comes too late, or twice, is dropped.
func (a *acks) take(m *nats.Msg) {
	place, _ := strings.CutPrefix(m.Subject, a.inbox)
	batch, message, _ := strings.Cut(place, "-")
	number, err := strconv.Atoi(batch)
	if err != nil {
		return
	}
	index, err := strconv.Atoi(message)
	if err != nil {
		return
	}
	var one outcome
	one.sequence, one.err = readAck(m, a.stream)
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.waiting[number]
	if w == nil || index < 0 || index >= len(w.got) || w.got[index] != (outcome{}) {
		return
	}
	w.got[index] = one
	w.settle(1)
}

// outcome of one message: its sequence in the stream, or an error. The zero value says that it is not known yet.
type outcome struct {
	sequence uint64
	err      error
}

// answers to the messages of one batch.
type answers struct {
	acks   *acks
	number int
	reply  string // to which the index of a message is added

	got  []outcome // by index
	open int       // what has not come yet, and the sender who has not finished
	done chan struct{}
}

// replyTo is where the answer to a message is read.
func (w *answers) replyTo(index int) string { return w.reply + strconv.Itoa(index) }

// sent says that no more than n messages were sent.
func (w *answers) sent(n int) {
	w.acks.mu.Lock()
	defer w.acks.mu.Unlock()
	unsent := len(w.got) - n
	w.got = w.got[:n]
	w.settle(unsent + 1)
}

func (w *answers) settle(n int) {
	if w.open -= n; w.open == 0 {
		close(w.done)
	}
}

// wait returns the answers once all are known, or when those that are not yet will not come or are too late. It must be called after sent.
func (w *answers) wait(ctx context.Context) []outcome {
	timer := time.NewTimer(w.acks.limit)
	defer timer.Stop()
	var why error
	select {
	case <-w.done:
	case <-w.acks.status:
		w.acks.disconnected()
		why = w.acks.why
	case <-w.acks.lost:
		why = w.acks.why
	case <-timer.C:
		why = w.acks.silence()
	case <-ctx.Done():
		why = context.Cause(ctx)
	}
	w.acks.mu.Lock()
	delete(w.acks.waiting, w.number)
	w.acks.mu.Unlock()
	for i := range w.got {
		if w.got[i] == (outcome{}) {
			w.got[i].err = why
		}
	}
	return w.got
}

// silence says that an answer did not come. A message that may not be published is never answered; the server tells the connection only.
func (a *acks) silence() error {
	err := fmt.Errorf("no acknowledgement came within %s", a.limit)
	if last := a.conn.LastError(); errors.Is(last, nats.ErrPermissionViolation) {
		return fmt.Errorf("%w; the connection's last error: %w", err, last)
	}
	return err
}
