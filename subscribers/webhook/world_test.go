package webhook_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/deliveries"
	"github.com/contrail-events/contrail/subscribers/webhook"
)

const (
	patience = 60 * time.Second
	durable  = "webhooks"
	source   = "/contrail/test/01920000-0000-7000-8000-000000000001"
)

// world is a database and a broker with the stream that a relay would have made.
type world struct {
	testing.TB

	pool *pgxpool.Pool
	js   jetstream.JetStream
	url  string // the broker's

	mu       sync.Mutex
	position contrail.Position
	versions map[string]int64
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	js, server := natstest.JetStream(tb)
	_, err := js.CreateStream(tb.Context(), jetstream.StreamConfig{Name: wire.DefaultStream, Subjects: []string{"events.>"}})
	require.NoError(tb, err)
	return &world{TB: tb, pool: pgtest.New(tb), js: js, url: server.URL(), versions: map[string]int64{}}
}

// event is the next one of a stream.
func (w *world) event(stream, eventType string, metadata contrail.Metadata) contrail.Recorded {
	id, err := contrail.ParseStreamID(stream)
	if err != nil {
		panic(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.position++
	w.versions[stream]++
	if metadata == nil {
		metadata = contrail.Metadata{}
	}
	return contrail.Recorded{
		Position: w.position, ID: uuid.New(), Stream: id, Version: w.versions[stream], Type: eventType, Metadata: metadata,
		Data: json.RawMessage(fmt.Sprintf(`{"n":%d}`, w.position)), RecordedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
}

// send publishes what a relay would.
func (w *world) send(event contrail.Recorded) contrail.Recorded {
	w.Helper()
	_, err := w.js.PublishMsgAsync(&nats.Msg{
		Subject: wire.Subject(wire.DefaultPrefix, event), Data: wire.Append(nil, source, event), Header: nats.Header{wire.HeaderContentType: {wire.ContentType}},
	}, jetstream.WithMsgID(event.ID.String()))
	require.NoError(w, err)
	return event
}

func (w *world) publish(stream, eventType string) contrail.Recorded {
	w.Helper()
	return w.send(w.event(stream, eventType, nil))
}

// publishMany spreads so many drafts over streams, evenly.
func (w *world) publishMany(count, streams int) {
	w.Helper()
	for i := range count {
		w.publish(fmt.Sprintf("invoice-%d", i%streams), "InvoiceDrafted")
	}
	select {
	case <-w.js.PublishAsyncComplete():
	case <-time.After(patience):
		require.Fail(w, "the broker does not acknowledge")
	}
}

// quick has everything happen soon.
func quick() webhook.Config {
	return webhook.Config{
		Subscription: subscribers.Config{Durable: durable, DrainTimeout: 10 * time.Second},
		AllowPrivate: true, PollInterval: 20 * time.Millisecond,
		Backoff: deliveries.Backoff{Schedule: []time.Duration{5 * time.Millisecond}},
		Circuit: webhook.Circuit{Failures: 1000},
	}
}

// run posts until the test ends or stop is called, and then wants no error.
func (w *world) run(config webhook.Config) (stop func()) {
	w.Helper()
	config.Subscription.Logger = slog.New(slog.NewTextHandler(w.Output(), &slog.HandlerOptions{Level: slog.LevelError + 1}))
	hooks, err := webhook.New(w.js, w.pool, config)
	require.NoError(w, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.Context()))
	ended := make(chan error, 1)
	go func() { ended <- hooks.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			require.NoError(w, err)
		case <-time.After(patience):
			require.Fail(w, "Run does not return")
		}
	})
	w.Cleanup(stop)
	return stop
}

// add registers a receiver.
func (w *world) add(to *receiver, endpoint webhook.Endpoint) webhook.Endpoint {
	w.Helper()
	endpoint.Consumer, endpoint.URL, endpoint.Private = durable, to.server.URL, true
	added, secret, err := webhook.Add(w.Context(), w.pool, endpoint, webhook.Secret{})
	require.NoError(w, err)
	to.trust(secret)
	return added
}

func (w *world) get(id uuid.UUID) webhook.Endpoint {
	w.Helper()
	endpoint, err := webhook.Get(w.Context(), w.pool, id, webhook.Scope{})
	require.NoError(w, err)
	return endpoint
}

// standing counts the deliveries to an endpoint by state and reason, as in "cancelled endpoint_disabled".
func (w *world) standing(id uuid.UUID) map[string]int {
	w.Helper()
	rows, err := w.pool.Query(w.Context(), `SELECT trim(state || ' ' || reason), count(*) FROM contrail.deliveries WHERE recipient = $1 GROUP BY 1`, id.String())
	require.NoError(w, err)
	defer rows.Close()
	counts := map[string]int{}
	for rows.Next() {
		var state string
		var count int
		require.NoError(w, rows.Scan(&state, &count))
		counts[state] = count
	}
	require.NoError(w, rows.Err())
	return counts
}

func (w *world) count(sql string, args ...any) (n int) {
	w.Helper()
	require.NoError(w, w.pool.QueryRow(w.Context(), sql, args...).Scan(&n))
	return n
}

// requireSound checks what holds whatever happens: attempts are numbered without a gap, and each is completed. A receiver has its event before the ledger
// knows, so it waits for that first.
func (w *world) requireSound() {
	w.Helper()
	eventually(w, func() bool {
		return w.count(`SELECT count(*) FROM contrail.deliveries WHERE state = 'dispatched'`) == 0
	})
	require.Zero(w, w.count(`SELECT count(*) FROM contrail.deliveries d WHERE attempts <> (
		SELECT count(*) FROM contrail.delivery_attempts a WHERE a.delivery = d.id AND a.number BETWEEN 1 AND d.attempts AND a.completed_at IS NOT NULL)`))
}

func eventually(tb testing.TB, condition func() bool) {
	tb.Helper()
	require.Eventually(tb, condition, patience, 10*time.Millisecond)
}

// received is a request that a receiver got.
type received struct {
	id     string // webhook-id
	event  wire.Message
	body   string
	at     time.Time
	status int // that it was answered with
}

// receiver is an endpoint that checks signatures, and answers as it is told.
type receiver struct {
	testing.TB

	server *httptest.Server

	mu      sync.Mutex
	secrets []webhook.Secret
	answer  func(r received, w http.ResponseWriter) int // the status; nil: 204
	all     []received
}

func newReceiver(tb testing.TB) *receiver {
	tb.Helper()
	r := &receiver{TB: tb}
	r.server = httptest.NewServer(r)
	tb.Cleanup(r.server.Close)
	return r
}

func (r *receiver) trust(secret webhook.Secret) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secrets = append(r.secrets, secret)
}

// answering says how requests are answered from now on.
func (r *receiver) answering(answer func(r received, w http.ResponseWriter) int) *receiver {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
	return r
}

// always answers with a status.
func always(status int) func(received, http.ResponseWriter) int {
	return func(received, http.ResponseWriter) int { return status }
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	got, err := r.read(request)
	if err != nil {
		r.Errorf("a request is not what it should be: %v", err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	answer := r.answer
	r.mu.Unlock()
	got.status = http.StatusNoContent
	if answer != nil {
		got.status = answer(got, w)
	}
	r.mu.Lock()
	r.all = append(r.all, got)
	r.mu.Unlock()
	w.WriteHeader(got.status)
}

// read checks a request as a receiver is to do it.
func (r *receiver) read(request *http.Request) (received, error) {
	body := make([]byte, request.ContentLength)
	if _, err := readFull(request, body); err != nil {
		return received{}, err
	}
	r.mu.Lock()
	secrets := r.secrets
	r.mu.Unlock()
	verified := error(nil)
	for _, secret := range secrets {
		verifying, err := standardwebhooks.NewWebhook(secret.Reveal())
		if err != nil {
			return received{}, err
		}
		if verified = verifying.Verify(body, request.Header); verified == nil {
			break
		}
	}
	if verified != nil || len(secrets) == 0 {
		return received{}, fmt.Errorf("signature with %d secrets: %w", len(secrets), verified)
	}
	event, err := wire.Decode(body)
	return received{id: request.Header.Get("webhook-id"), event: event, body: string(body), at: time.Now()}, err
}

// got are the requests so far that were answered with a status; zero: with any.
func (r *receiver) got(status int) (found []received) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.all {
		if status == 0 || one.status == status {
			found = append(found, one)
		}
	}
	return found
}

// events are the ids of the events that were taken, in order, each once.
func (r *receiver) events() (ids []uuid.UUID) {
	known := map[string]bool{}
	for _, one := range r.got(http.StatusNoContent) {
		if !known[one.id] {
			ids = append(ids, one.event.ID)
		}
		known[one.id] = true
	}
	return ids
}

// requireInOrder checks that the events of each stream came in order, whatever they were answered with, and that none was left out.
func (r *receiver) requireInOrder() {
	r.Helper()
	last := map[string]int64{}
	for _, one := range r.got(0) {
		stream := one.event.Stream.String()
		if one.event.Version < last[stream] || one.event.Version > last[stream]+1 {
			require.Failf(r, "out of order", "version %d of %s came after %d", one.event.Version, stream, last[stream])
		}
		last[stream] = one.event.Version
	}
}
