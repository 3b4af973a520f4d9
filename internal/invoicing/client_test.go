package invoicing_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/organisation"
	"github.com/contrail-events/contrail/internal/api"
	"github.com/contrail-events/contrail/internal/invoicing"
)

// newHandler is the API over a database.
func newHandler(t *testing.T, pool *pgxpool.Pool) http.Handler {
	t.Helper()
	handler, err := api.New(api.Config{Services: servicesNow(t, pool), Reader: invoicing.NewReader(pool, invoicing.ReaderConfig{})})
	require.NoError(t, err)
	return handler
}

func newClient(t *testing.T, handler http.Handler) *invoicing.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return clientAt(t, server.URL)
}

func clientAt(t *testing.T, address string) *invoicing.Client {
	t.Helper()
	client, err := invoicing.NewClient(address, actor)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// By HTTP, in this process, and by HTTP again: all is there once, and whichever looks finds it.
func TestImportByHTTP(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	client, local := newClient(t, newHandler(t, pool)), newLocal(t, pool)
	require.NoError(t, client.Check(t.Context()))
	bad := strings.Replace(line(3), `"quantity":1}`, `"quantity":0}`, 1)
	for _, want := range []struct {
		service  invoicing.Service
		text     string
		statuses string
	}{
		{client, book(2), "created created"},
		{local, book(4), "before before created created"},
		{client, book(6), "before before before before created created"},
		{local, book(6), "before before before before before before"},
		{client, line(0) + "\n" + bad, "before refused"},
		{client, strings.NewReplacer("Bag", "Box").Replace(line(0)), "refused"},
		{client, strings.NewReplacer("Bag", "Box").Replace(line(3)), "refused"},
	} {
		all, _, err := runImport(t, want.service, want.text, invoicing.ImportConfig{})
		require.NoError(t, err)
		require.Equal(t, want.statuses, all.statuses(), all)
	}
	all, _, err := runImport(t, client, strings.NewReplacer("Bag", "Box").Replace(line(0)), invoicing.ImportConfig{DryRun: true})
	require.NoError(t, err)
	require.Contains(t, all[0].Text(), `line_items[1].description is there already, and reads otherwise: "Bag" there, "Box" here`)
	requireOnce(t, pool, 6)
	for _, event := range recorded(t, pool) {
		require.Equal(t, actor.UserID, event.Metadata["user_id"])
	}
}

// What was changed since it was made is there all the same, also once the service has forgotten the idempotency keys.
func TestImportByHTTPOfWhatWasChanged(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	client, services := newClient(t, newHandler(t, pool)), servicesNow(t, pool)
	all, _, err := runImport(t, client, book(2), invoicing.ImportConfig{})
	require.NoError(t, err)
	found, err := services.Invoices.Find(t.Context(), actor, all[0].ID)
	require.NoError(t, err)
	_, err = services.Invoices.Update(t.Context(), actor, all[0].ID, domain.UpdateInvoice{DueDate: found.State.DueDate, LineItems: found.State.LineItems[:1]})
	require.NoError(t, err)
	_, err = services.Organisations.Delete(t.Context(), actor, found.State.OrganisationID)
	require.NoError(t, err)
	_, err = services.Invoices.Delete(t.Context(), actor, all[1].ID)
	require.NoError(t, err)
	text := book(2) + strings.Replace(line(0), "i-0", "i-10", 1)
	for _, forget := range []string{``, `DELETE FROM invoicing.answers`} {
		_, err = pool.Exec(t.Context(), forget)
		require.NoError(t, err)
		again, _, err := runImport(t, client, text, invoicing.ImportConfig{})
		require.NoError(t, err)
		require.Equal(t, "before before refused", again.statuses(), again)
		require.Equal(t, all[0].ID, again[0].ID)
		require.Contains(t, again[2].Text(), "the organisation is deleted")
	}
	other := strings.Replace(line(1), `"due_date"`, `"drafted_on":"2026-01-02","due_date"`, 1)
	again, _, err := runImport(t, client, other, invoicing.ImportConfig{})
	require.NoError(t, err)
	require.Equal(t, "before", again.statuses(), "the day of the draft is no part of what is compared")
}

// severing lets requests through and then cuts so many connections before the answer, as a service does that is killed.
type severing struct {
	handler http.Handler
	left    atomic.Int64
}

func (s *severing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || s.left.Add(-1) < 0 {
		s.handler.ServeHTTP(w, r)
		return
	}
	s.handler.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// What the service did without being able to say so is not done again.
func TestImportByHTTPOverABadLine(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	handler := &severing{handler: newHandler(t, pool)}
	handler.left.Store(9)
	_, summary, err := runImport(t, newClient(t, handler), book(12), invoicing.ImportConfig{Clients: 3})
	require.NoError(t, err)
	require.True(t, summary.OK())
	require.Equal(t, 12, summary.Created, "by this import, though it did not hear of all")
	requireOnce(t, pool, 12)
}

// An import waits for a service that is being started anew.
func TestImportByHTTPWaitsForTheService(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	client := clientAt(t, "http://"+address)
	ended := make(chan invoicing.ImportSummary, 1)
	go func() {
		summary, err := invoicing.Import(t.Context(), client, invoicing.Lines(strings.NewReader(book(3)), invoicing.InputConfig{}),
			invoicing.ImportConfig{Patience: patience}, func(invoicing.Outcome) error { return nil })
		if err != nil {
			t.Error(err)
		}
		ended <- summary
	}()
	require.Eventually(t, func() bool { return client.Check(t.Context()) != nil }, patience, time.Millisecond)
	server := httptest.NewUnstartedServer(newHandler(t, pool))
	server.Listener, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	require.NoError(t, err)
	server.Start()
	t.Cleanup(server.Close)
	require.Equal(t, 3, (<-ended).Created)
	requireOnce(t, pool, 3)
}

// What the service answers tells whether to correct the line, to come again, or to look at the service.
func TestClientUnderstandsAnswers(t *testing.T) {
	t.Parallel()
	const problem = "application/problem+json"
	for name, test := range map[string]struct {
		status            int
		content, body     string
		retryAfter        string
		is                error
		fault, err        string
		unavailable       bool
		unavailableBefore time.Duration
	}{
		"invalid": {
			status: 422, content: problem, fault: "line_items[2].quantity is out of range; due_date is no date",
			body: `{"type":"urn:contrail:problem:invalid","detail":"x","errors":[{"location":"body.line_items[2].quantity","message":"is out of range"},` +
				`{"location":"body.due_date","message":"is no date"}]}`,
		},
		"refused":          {status: 409, content: problem, body: `{"type":"urn:contrail:problem:refused","detail":"it is deleted"}`, fault: "it is deleted"},
		"taken":            {status: 409, content: problem, body: `{"type":"urn:contrail:problem:reference-taken","detail":"taken"}`, is: domain.ErrReferenceTaken},
		"key":              {status: 422, content: problem, body: `{"type":"urn:contrail:problem:idempotency-key-reused","detail":"used"}`, is: domain.ErrKeyReused},
		"not found":        {status: 404, content: problem, body: `{"type":"urn:contrail:problem:not-found","detail":"no such thing"}`, is: domain.ErrNotFound},
		"no route":         {status: 404, content: problem, body: `{"type":"urn:contrail:problem:no-such-route","detail":"no route"}`, err: "answers 404: no route"},
		"conflict":         {status: 409, content: problem, body: `{"type":"urn:contrail:problem:conflict","detail":"busy"}`, retryAfter: "1", unavailable: true, unavailableBefore: time.Second},
		"away":             {status: 503, content: "text/html", body: `<h1>Sorry</h1>`, unavailable: true},
		"asleep":           {status: 503, retryAfter: time.Now().Add(time.Hour).UTC().Format(http.TimeFormat), unavailable: true, unavailableBefore: time.Hour},
		"bad gateway":      {status: 502, unavailable: true},
		"too many":         {status: 429, retryAfter: "7", unavailable: true, unavailableBefore: 7 * time.Second},
		"at fault":         {status: 500, content: problem, body: `{"type":"urn:contrail:problem:internal","detail":"look in its log"}`, err: "answers 500: look in its log"},
		"forbidden":        {status: 403, content: "text/plain", body: "go away", err: "answers 403: Forbidden; is it the address of a contrail serve?"},
		"elsewhere":        {status: 302, err: "answers 302: Found; it redirects to http://elsewhere/, which is not followed: give that address"},
		"something else":   {status: 200, content: "text/html", body: "<h1>Hello</h1>", err: "is it the address of a contrail serve?"},
		"problem in vain":  {status: 422, content: problem, body: `{}`, fault: "Unprocessable Entity"},
		"garbled problem":  {status: 400, content: problem, body: `{`, err: "answers 400: Bad Request"},
		"broken off":       {status: 201, content: "application/json", body: `{"id":"0192`, err: "what is none of its answers"},
		"nothing but 1xx…": {status: 204, err: "what is none of its answers"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", test.content)
				w.Header().Set("Location", "http://elsewhere/")
				if test.retryAfter != "" {
					w.Header().Set("Retry-After", test.retryAfter)
				}
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			}))
			_, err := client.Create(t.Context(), invoicing.PostOrganisation{Reference: "o-1", Name: "Apex"})
			require.Error(t, err)
			var fault *invoicing.LineError
			require.Equal(t, test.fault != "", errors.As(err, &fault), err)
			if fault != nil {
				require.EqualError(t, fault, test.fault)
			}
			var away *invoicing.UnavailableError
			require.Equal(t, test.unavailable, errors.As(err, &away), err)
			if away != nil {
				require.InDelta(t, test.unavailableBefore, away.After, float64(time.Minute))
				require.LessOrEqual(t, away.After, test.unavailableBefore)
			}
			if test.is != nil {
				require.ErrorIs(t, err, test.is)
			}
			require.ErrorContains(t, err, test.err)
		})
	}
}

// What is posted is in the API's words, for the tenant and the user, and has the same key each time.
func TestClientPosts(t *testing.T) {
	t.Parallel()
	var requests []*http.Request
	client := newClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests = append(requests, r)
		w.Header().Set("Idempotent-Replayed", "true")
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(`{"id":"0192d9a1-7c3e-7c4e-9a30-0f3f2f4b5a6c","events":[]}`))
	}))
	postings := []invoicing.Posting{
		invoicing.PostOrganisation{Reference: "1", Name: "Apex"},
		invoicing.PostContact{Reference: "1", Details: contact.Details{}},
		invoicing.PostInvoice{Reference: "1"},
		invoicing.PostInvoice{Reference: "2"},
	}
	for range 2 {
		for _, posting := range postings {
			made, err := client.Create(t.Context(), posting)
			require.NoError(t, err)
			require.Equal(t, invoicing.Made{ID: "0192d9a1-7c3e-7c4e-9a30-0f3f2f4b5a6c", Repeated: true}, made)
		}
	}
	keys := map[string]bool{}
	for n, request := range requests {
		require.Equal(t, "/accountify/"+postings[n%len(postings)].Kind(), request.URL.Path)
		require.Equal(t, actor.TenantID, request.Header.Get("X-Tenant-Id"))
		require.Equal(t, actor.UserID, request.Header.Get("X-User-Id"))
		keys[request.Header.Get("Idempotency-Key")] = true
	}
	require.Len(t, keys, len(postings))
}

func TestClientNeedsAnAddress(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{"", "localhost:8080", "ftp://example.com", "http://", "http://example.com?x=1", "http://example.com#top", "\x00"} {
		_, err := invoicing.NewClient(wrong, actor)
		require.EqualError(t, err, "the address of the API is none: give it as http://127.0.0.1:8080", wrong)
	}
	paths := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { paths <- r.URL.Path }))
	t.Cleanup(server.Close)
	for _, address := range []string{server.URL + "/behind/a/proxy", server.URL + "/behind/a/proxy/"} {
		require.NoError(t, clientAt(t, address).Check(t.Context()))
		require.Equal(t, "/behind/a/proxy/accountify/organisation", <-paths)
	}
}

// A password in the address is not told to those who read errors, and the end of ctx is none of the service's doing.
func TestClientThatReachesNobody(t *testing.T) {
	t.Parallel()
	client := clientAt(t, "http://ada:hunter2@127.0.0.1:1")
	_, err := client.Find(t.Context(), organisation.Category, "o-1")
	var away *invoicing.UnavailableError
	require.ErrorAs(t, err, &away)
	require.ErrorContains(t, err, "http://127.0.0.1:1 does not answer: ")
	require.NotContains(t, err.Error(), "hunter2")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = client.First(ctx, invoice.Category, "i-1")
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorAs(t, err, &away)

	unknown := httptest.NewUnstartedServer(http.NotFoundHandler())
	unknown.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	unknown.StartTLS()
	t.Cleanup(unknown.Close)
	err = clientAt(t, unknown.URL).Check(t.Context())
	require.ErrorContains(t, err, "certificate")
	require.NotErrorAs(t, err, &away, "it will be unknown the next time, too")
}

func ExampleNewClient() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { // a contrail serve, say
		_, _ = w.Write([]byte(`{"items":[{"id":"0192d9a1-7c3e-7c4e-9a30-0f3f2f4b5a6c","reference":"o-1","name":"Apex"}]}`))
	}))
	defer server.Close()
	client, err := invoicing.NewClient(server.URL, domain.Actor{TenantID: "t1", UserID: "ada"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	found, err := client.Find(context.Background(), organisation.Category, "o-1")
	fmt.Println(found.Posting, err)
	// Output:
	// {o-1 Apex} <nil>
}
