package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/internal/api"
	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/subscribers"
)

const patience = 30 * time.Second

// absent is an id that nothing has.
const absent = "01920000-0000-7000-8000-000000000000"

// service is an API that listens, over a database of the test's own.
type service struct {
	url    string
	pool   *pgxpool.Pool
	client *http.Client
}

// configure is a config that works, over a pool.
func configure(tb testing.TB, pool *pgxpool.Pool) api.Config {
	tb.Helper()
	transactor, err := invoicing.NewTransactor(pool, invoicing.TransactorConfig{})
	require.NoError(tb, err)
	services, err := invoicing.NewServices(transactor, time.Now, domain.Config{})
	require.NoError(tb, err)
	return api.Config{
		Services: services, Reader: invoicing.NewReader(pool, invoicing.ReaderConfig{}), Ready: invoicing.Ready(pool), Unavailable: invoicing.Unavailable,
		Logger: slog.New(slog.NewTextHandler(tb.Output(), nil)),
	}
}

func newService(tb testing.TB, changes ...func(*api.Config)) *service {
	tb.Helper()
	pool := pgtest.New(tb)
	_, err := invoicing.Migrate(tb.Context(), pool)
	require.NoError(tb, err)
	return serve(tb, pool, changes...)
}

func serve(tb testing.TB, pool *pgxpool.Pool, changes ...func(*api.Config)) *service {
	tb.Helper()
	config := configure(tb, pool)
	for _, change := range changes {
		change(&config)
	}
	handler, err := api.New(config)
	require.NoError(tb, err)
	server := httptest.NewServer(handler)
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	tb.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
	})
	return &service{server.URL, pool, &http.Client{Transport: transport, Timeout: patience}}
}

// answer is what came back.
type answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// shown is the body in a failure.
func (a answer) String() string { return fmt.Sprintf("%d %s", a.Status, a.Body) }

// into decodes the body.
func into[T any](tb testing.TB, a answer) (v T) {
	tb.Helper()
	require.NoError(tb, json.Unmarshal(a.Body, &v), a.String())
	return v
}

// try sends a request of tenant t1; headers are pairs, and one with an empty value is left out. A body that is no string is sent as JSON.
func (s *service) try(ctx context.Context, method, path string, body any, headers ...string) (answer, error) {
	var text io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		text = strings.NewReader(body)
	default:
		encoded, err := json.Marshal(body)
		if err != nil {
			return answer{}, err
		}
		text = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, s.url+path, text)
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("X-Tenant-Id", "t1")
	if text != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			request.Header.Del(headers[i])
		}
	}
	response, err := s.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	read, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, read}, err
}

func (s *service) do(tb testing.TB, method, path string, body any, headers ...string) answer {
	tb.Helper()
	got, err := s.try(tb.Context(), method, path, body, headers...)
	require.NoError(tb, err)
	return got
}

// get wants a good answer.
func (s *service) get(tb testing.TB, path string, headers ...string) answer {
	tb.Helper()
	got := s.do(tb, http.MethodGet, path, nil, headers...)
	require.Equal(tb, http.StatusOK, got.Status, got.String())
	return got
}

// commanded is the body of a command's answer.
type commanded struct {
	ID     string
	Events []struct{ ID, Type string }
}

// command wants a command to do one thing, and returns the id.
func (s *service) command(tb testing.TB, method, path string, body any, headers ...string) (id string, got answer) {
	tb.Helper()
	got = s.do(tb, method, path, body, headers...)
	want := http.StatusOK
	if method == http.MethodPost {
		want = http.StatusCreated
	}
	require.Equal(tb, want, got.Status, got.String())
	did := into[commanded](tb, got)
	require.Len(tb, did.Events, 1)
	return did.ID, got
}

type object = map[string]any

func (s *service) organisation(tb testing.TB) string {
	tb.Helper()
	id, _ := s.command(tb, http.MethodPost, "/accountify/organisation", object{"name": "Acme"})
	return id
}

func (s *service) contact(tb testing.TB, organisation string) string {
	tb.Helper()
	id, _ := s.command(tb, http.MethodPost, "/accountify/contact", object{
		"organisation_id": organisation, "first_name": "Ada", "last_name": "Byron", "email": "ada@example.org",
	})
	return id
}

// line is a line of an invoice.
func line(description, amount, currency string, quantity int) object {
	return object{"description": description, "unit_amount": object{"amount": amount, "currency_code": currency}, "quantity": quantity}
}

// draft is that of Accountify's own test: 100 × 1 + 300 × 3.
func draft(organisation, contact string) object {
	return object{
		"organisation_id": organisation, "contact_id": contact, "currency_code": "AUD", "due_date": tomorrow(),
		"line_items": []object{line("Green Widget", "100.00", "AUD", 1), line("Blue Widget", "300.00", "AUD", 3)},
	}
}

func tomorrow() string { return time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly) }

// invoice drafts one, with an organisation and a contact of its own.
func (s *service) invoice(tb testing.TB) (id string) {
	tb.Helper()
	organisation := s.organisation(tb)
	id, _ = s.command(tb, http.MethodPost, "/accountify/invoice", draft(organisation, s.contact(tb, organisation)))
	return id
}

// problem is a refusal as a client sees it.
type problem struct {
	Type, Title, Detail, Error, Code string
	Status                           int
	Position                         *int64
	Errors                           []struct{ Location, Code, Message string }
}

// refused wants a problem of a kind, in every respect.
func refused(tb testing.TB, got answer, status int, kind string) problem {
	tb.Helper()
	require.Equal(tb, status, got.Status, got.String())
	require.Equal(tb, "application/problem+json", got.Header.Get("Content-Type"), got.String())
	p := into[problem](tb, got)
	require.Equal(tb, "urn:contrail:problem:"+kind, p.Type, got.String())
	require.Equal(tb, status, p.Status)
	require.NotEmpty(tb, p.Title)
	require.NotEmpty(tb, p.Detail)
	require.Equal(tb, p.Detail, p.Error)
	require.NotEmpty(tb, got.Header.Get("X-Correlation-Id"))
	return p
}

// inBackground runs a part of the system until the test ends, and fails the test if it fails.
func inBackground(tb testing.TB, run func(ctx context.Context) error) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			tb.Error(err)
		}
	})
}

// follow runs the relay and the projections, until the test ends.
func (s *service) follow(tb testing.TB) {
	tb.Helper()
	js, _ := natstest.JetStream(tb)
	relay, err := publisher.NewRelay(s.pool, js, publisher.Config{})
	require.NoError(tb, err)
	inBackground(tb, relay.Run)
	for _, newProjection := range []func() (*subscribers.Projection, error){
		func() (*subscribers.Projection, error) {
			return invoicing.NewSummaryProjection(js, s.pool, subscribers.ProjectionConfig{})
		},
		func() (*subscribers.Projection, error) {
			return invoicing.NewOverdueProjection(js, s.pool, subscribers.ProjectionConfig{})
		},
		func() (*subscribers.Projection, error) {
			return invoicing.NewStatementProjection(js, s.pool, subscribers.ProjectionConfig{})
		},
	} {
		projection, err := newProjection()
		require.NoError(tb, err)
		inBackground(tb, projection.Run)
	}
}
