package dashboard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/dashboard"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
)

const patience = 30 * time.Second

// world is both servers, and a dashboard over them.
type world struct {
	*testing.T

	pool   *pgxpool.Pool
	js     jetstream.JetStream
	server *localstack.NATS
	store  *eventstore.Store

	dashboard *dashboard.Dashboard
	url       string       // of the dashboard, without a slash at its end
	client    *http.Client // that follows no redirects, and keeps cookies if a test gives it a jar
	logged    *logs
	stop      func()      // ends the dashboard that was served first
	lenient   atomic.Bool // the seeded relays' broker takes everything
}

// newWorld is a migrated database and a broker with nothing in them, and a dashboard on loopback that asks for no credentials, unless the test changes it.
func newWorld(t *testing.T, change ...func(*dashboard.Config)) *world {
	t.Helper()
	w := &world{T: t, pool: pgtest.New(t), logged: &logs{}}
	w.js, w.server = natstest.JetStream(t)
	var err error
	w.store, err = eventstore.New(eventstore.Config{})
	require.NoError(t, err)
	w.serve(change...)
	return w
}

// serve serves another dashboard over the same servers.
func (w *world) serve(change ...func(*dashboard.Config)) {
	w.Helper()
	config := dashboard.Config{Logger: slog.New(slog.NewTextHandler(w.logged, nil)), Version: "v0.0.0-test"}
	for _, one := range change {
		one(&config)
	}
	var err error
	w.dashboard, err = dashboard.New(w.pool, w.js, config)
	require.NoError(w, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.Context()))
	ended := make(chan error, 1)
	go func(board *dashboard.Dashboard) { ended <- board.Run(ctx) }(w.dashboard)
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.Error(err)
		}
	})
	w.Cleanup(w.stop)
	w.publish(w.dashboard.Handler())
}

// publish serves a handler of the dashboard, whose Run runs, until the test ends.
func (w *world) publish(handler http.Handler) {
	w.Helper()
	server := httptest.NewServer(handler)
	w.Cleanup(func() {
		w.stop()
		server.CloseClientConnections()
		server.Close()
	})
	w.url = server.URL
	w.client = server.Client()
	w.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
}

// run runs something until the test ends.
func (w *world) run(run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.Context()))
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	w.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			w.Error(err)
		}
	})
}

// exec runs statements one after another.
func (w *world) exec(statements ...string) {
	w.Helper()
	for _, statement := range statements {
		_, err := w.pool.Exec(w.Context(), statement)
		require.NoError(w, err, statement)
	}
}

// value is the one value that a query has.
func value[T any](w *world, query string, args ...any) (v T) {
	w.Helper()
	require.NoError(w, w.pool.QueryRow(w.Context(), query, args...).Scan(&v), query)
	return v
}

// append appends an event with this JSON as its body, and pairs of metadata.
func (w *world) append(stream, eventType, body string, metadata ...string) contrail.Recorded {
	w.Helper()
	event := contrail.Event{Type: eventType, Data: json.RawMessage(body), Metadata: contrail.Metadata{}}
	for i := 0; i+1 < len(metadata); i += 2 {
		event.Metadata[metadata[i]] = metadata[i+1]
	}
	id, err := contrail.ParseStreamID(stream)
	require.NoError(w, err)
	var recorded []contrail.Recorded
	require.NoError(w, pgx.BeginFunc(w.Context(), w.pool, func(tx pgx.Tx) (err error) {
		recorded, err = w.store.Append(w.Context(), tx, id, eventstore.Any, event)
		return err
	}))
	return recorded[0]
}

// eventually waits for something.
func (w *world) eventually(condition func() bool) {
	w.Helper()
	require.Eventually(w, condition, patience, 10*time.Millisecond)
}

// answer is what the dashboard has answered.
type answer struct {
	*http.Response

	body string
}

// ask sends a request; each change may add to it.
func (w *world) ask(method, path string, body io.Reader, change ...func(*http.Request)) answer {
	w.Helper()
	request, err := http.NewRequestWithContext(w.Context(), method, w.url+path, body)
	require.NoError(w, err)
	for _, one := range change {
		one(request)
	}
	response, err := w.client.Do(request)
	require.NoError(w, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(w, err)
	return answer{response, string(text)}
}

// get asks for a page.
func (w *world) get(path string, change ...func(*http.Request)) answer {
	w.Helper()
	return w.ask(http.MethodGet, path, nil, change...)
}

// page asks for a page that there must be, and returns its HTML.
func (w *world) page(path string) string {
	w.Helper()
	got := w.get(path)
	require.Equal(w, http.StatusOK, got.StatusCode, "%s: %s", path, got.body)
	return got.body
}

// json asks for the JSON form of a page, and reads it into view.
func (w *world) json(path string, view any) {
	w.Helper()
	got := w.get(path, accepting("application/json"))
	require.Equal(w, http.StatusOK, got.StatusCode, "%s: %s", path, got.body)
	require.NoError(w, json.Unmarshal([]byte(got.body), view), got.body)
}

// post posts a form, given as names and values in turn, as this site's page does.
func (w *world) post(path string, fields ...string) answer {
	w.Helper()
	return w.submit(path, fields)
}

// submit is post, with changes of the request.
func (w *world) submit(path string, fields []string, change ...func(*http.Request)) answer {
	w.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	return w.ask(http.MethodPost, path, strings.NewReader(form.Encode()), append([]func(*http.Request){func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}}, change...)...)
}

func accepting(kind string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Accept", kind) }
}

func bearing(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

// outcome is the JSON form of an action's answer.
type outcome struct {
	Audit   int64  `json:"audit"`
	Outcome string `json:"outcome"`
	Error   string `json:"error"`
	Results []struct {
		What    string `json:"what"`
		Outcome string `json:"outcome"`
		Detail  string `json:"detail"`
	} `json:"results"`
}

// act does an action as a program does, and returns what it tells.
func (w *world) act(path string, fields ...string) outcome {
	w.Helper()
	got := w.submit(path, fields, accepting("application/json"))
	var told outcome
	require.NoError(w, json.Unmarshal([]byte(got.body), &told), "%s: %s", path, got.body)
	return told
}

// auditOf waits until an action that goes on has ended, and returns how.
func (w *world) auditOf(id int64) outcome {
	w.Helper()
	told := outcome{Audit: id}
	w.eventually(func() bool {
		return value[bool](w, `SELECT ended_at IS NOT NULL FROM contrail.audit WHERE id = $1`, id)
	})
	text := value[string](w, `SELECT jsonb_build_object('audit', id, 'outcome', outcome, 'error', error, 'results', results)::text FROM contrail.audit WHERE id = $1`, id)
	require.NoError(w, json.Unmarshal([]byte(text), &told))
	return told
}

// logs are what was logged.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
