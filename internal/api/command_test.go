package api_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIfMatch(t *testing.T) {
	t.Parallel()
	s := newService(t)
	path := "/accountify/organisation/" + s.organisation(t)
	rename := func(condition string) answer {
		return s.do(t, http.MethodPut, path, object{"name": "Apex"}, "If-Match", condition)
	}
	for _, none := range []string{`"2"`, `W/"1"`, `"one"`, `"0", "2"`, `"01"`, `"+1"`, `""`} {
		got := rename(none)
		p := refused(t, got, http.StatusPreconditionFailed, "version-mismatch")
		require.Equal(t, "version", p.Code)
		require.Equal(t, `"1"`, got.Header.Get("ETag"), "the version that it is at")
	}
	for _, malformed := range []string{`1`, `"1`, `w/"1"`, `"1" "2"`, `*, "1"`, `"1", x`, `"a b"`} {
		refused(t, rename(malformed), http.StatusBadRequest, "malformed")
	}
	require.Equal(t, `"2"`, rename(`"1"`).Header.Get("ETag"))
	require.Equal(t, `"3"`, rename(`"7", W/"2",	"2"`).Header.Get("ETag"))
	require.Equal(t, `"4"`, rename(`*`).Header.Get("ETag"))
	refused(t, s.do(t, http.MethodDelete, path, nil, "If-Match", `"3"`), http.StatusPreconditionFailed, "version-mismatch")
	refused(t, s.do(t, http.MethodDelete, "/accountify/organisation/"+absent, nil, "If-Match", `"3"`), http.StatusNotFound, "not-found")

	request, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, s.url+path, nil)
	require.NoError(t, err)
	request.Header = http.Header{"X-Tenant-Id": {"t1"}, "If-Match": {`"3"`, `"4"`}} // a list may come in several lines
	response, err := s.client.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
}

func TestIfNoneMatch(t *testing.T) {
	t.Parallel()
	s := newService(t)
	path := "/accountify/organisation/" + s.organisation(t)
	for _, has := range []string{`"1"`, `W/"1"`, `"7", "1"`, `*`} {
		got := s.do(t, http.MethodGet, path, nil, "If-None-Match", has)
		require.Equal(t, http.StatusNotModified, got.Status)
		require.Empty(t, got.Body)
		require.Equal(t, `"1"`, got.Header.Get("ETag"))
	}
	s.command(t, http.MethodPut, path, object{"name": "Apex"})
	require.Equal(t, `"2"`, s.get(t, path, "If-None-Match", `"1"`).Header.Get("ETag"))
}

// The same command with the same key is done once, also when all send it at the same moment.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	s := newService(t)
	const senders = 16
	answers := make([]answer, senders)
	var sending sync.WaitGroup
	for n := range senders {
		sending.Go(func() {
			var err error
			if answers[n], err = s.try(t.Context(), http.MethodPost, "/accountify/organisation", object{"name": "Acme"}, "Idempotency-Key", "k 1"); err != nil {
				t.Error(err)
			}
		})
	}
	sending.Wait()
	replayed := 0
	for _, got := range answers {
		require.Equal(t, http.StatusCreated, got.Status, got.String())
		require.Equal(t, string(answers[0].Body), string(got.Body))
		for _, name := range []string{"Location", "ETag", "Contrail-Position"} {
			require.Equal(t, answers[0].Header.Get(name), got.Header.Get(name))
		}
		if got.Header.Get("Idempotent-Replayed") == "true" {
			replayed++
		}
	}
	require.Equal(t, senders-1, replayed)
	ids, _ := s.walk(t, "/accountify/organisation")
	require.Len(t, ids, 1)

	p := refused(t, s.do(t, http.MethodPost, "/accountify/organisation", object{"name": "Apex"}, "Idempotency-Key", "k 1"),
		http.StatusUnprocessableEntity, "idempotency-key-reused")
	require.Equal(t, "idempotency_key.reused", p.Code)
	refused(t, s.do(t, http.MethodDelete, "/accountify/organisation/"+ids[0], nil, "Idempotency-Key", "k 1"),
		http.StatusUnprocessableEntity, "idempotency-key-reused")
	_, got := s.command(t, http.MethodPost, "/accountify/organisation", object{"name": "Apex"}, "Idempotency-Key", "k 1", "X-Tenant-Id", "t2")
	require.Empty(t, got.Header.Get("Idempotent-Replayed"), "another tenant's keys are its own")
}

// A repeat is answered as the first was, whatever has become of the aggregate. What was refused may be tried again.
func TestRepeatAfterChanges(t *testing.T) {
	t.Parallel()
	s := newService(t)
	path := "/accountify/invoice/" + s.invoice(t)
	refused(t, s.do(t, http.MethodPatch, path+"/paid", nil, "Idempotency-Key", "pay"), http.StatusConflict, "refused")
	_, first := s.command(t, http.MethodPatch, path+"/issue", nil, "Idempotency-Key", "issue", "If-Match", `"1"`)
	s.command(t, http.MethodPatch, path+"/paid", nil, "Idempotency-Key", "pay")
	s.command(t, http.MethodDelete, path, nil)
	again := s.do(t, http.MethodPatch, path+"/issue", nil, "Idempotency-Key", "issue", "If-Match", `"1"`)
	require.Equal(t, first.String(), again.String())
	require.Equal(t, `"2"`, again.Header.Get("ETag"))
	require.Equal(t, "true", again.Header.Get("Idempotent-Replayed"))
}

// What is another tenant's does not exist, and says nothing else than what never was.
func TestTenants(t *testing.T) {
	t.Parallel()
	s := newService(t)
	organisation := s.organisation(t)
	contact := s.contact(t, organisation)
	invoice, _ := s.command(t, http.MethodPost, "/accountify/invoice", draft(organisation, contact))
	for _, path := range []string{
		"/accountify/organisation/%s", "/accountify/organisation/%s/events", "/accountify/organisation/%s/summary", "/accountify/organisation/%s/statement",
		"/accountify/contact/%s", "/accountify/invoice/%s", "/accountify/invoice/%s?version=1", "/accountify/invoice/%s/events",
	} {
		for _, id := range []string{organisation, contact, invoice} {
			theirs := s.do(t, http.MethodGet, fmt.Sprintf(path, id), nil, "X-Tenant-Id", "t2")
			refused(t, theirs, http.StatusNotFound, "not-found")
			never := s.do(t, http.MethodGet, fmt.Sprintf(path, absent), nil, "X-Tenant-Id", "t2")
			require.Len(t, theirs.Body, len(never.Body), "the same but for the id")
		}
	}
	for _, command := range [][2]string{
		{http.MethodDelete, "/accountify/organisation/" + organisation},
		{http.MethodDelete, "/accountify/contact/" + contact},
		{http.MethodDelete, "/accountify/invoice/" + invoice},
		{http.MethodPatch, "/accountify/invoice/" + invoice + "/issue"},
	} {
		refused(t, s.do(t, command[0], command[1], nil, "X-Tenant-Id", "t2", "If-Match", `"1"`), http.StatusNotFound, "not-found")
	}
	for _, kind := range []string{"organisation", "contact", "invoice", "invoice?organisation_id=" + organisation} {
		require.JSONEq(t, `{"items":[]}`, string(s.get(t, "/accountify/"+kind, "X-Tenant-Id", "t2").Body))
	}
	require.Equal(t, int64(1), into[found](t, s.get(t, "/accountify/invoice/"+invoice)).Version, "nothing was done")
}

// Sixteen clients hammer one invoice with conflicting commands: what comes of it is a legal history, in which everything that was answered stands,
// once, and nothing else.
func TestSixteenClientsOnOneInvoice(t *testing.T) {
	t.Parallel()
	s := newService(t)
	id := s.invoice(t)
	path := "/accountify/invoice/" + id
	update := object{"due_date": tomorrow(), "line_items": []object{line("x", "1", "AUD", 1)}}
	commands := []struct {
		method, path string
		body         any
	}{
		{http.MethodPut, path, update},
		{http.MethodPut, path, update},
		{http.MethodPatch, path + "/issue", nil},
		{http.MethodPatch, path + "/paid", nil},
		{http.MethodPatch, path + "/void", nil},
	}
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	did := func(got answer) {
		switch got.Status {
		case http.StatusOK:
			for _, event := range into[commanded](t, got).Events {
				mu.Lock()
				acknowledged[event.ID] = true
				mu.Unlock()
			}
		case http.StatusConflict: // refused, or others were in the way each time
		default:
			t.Error(got.String())
		}
	}
	var clients sync.WaitGroup
	for client := range 16 {
		clients.Go(func() {
			for round := range 10 {
				// Later rounds take the invoice further, so that the updates have it to themselves for a while.
				command := commands[(client*7+round)%(1+min(round, len(commands)-1))]
				got, err := s.try(t.Context(), command.method, command.path, command.body)
				if err != nil {
					t.Error(err)
					return
				}
				did(got)
			}
		})
	}
	clients.Wait()
	did(s.do(t, http.MethodDelete, path, nil))
	requireLegal(t, into[found](t, s.get(t, path)), acknowledged)
}

// requireLegal replays the history by the rules of an invoice's life.
func requireLegal(t *testing.T, invoice found, acknowledged map[string]bool) {
	t.Helper()
	require.Equal(t, "InvoiceDrafted", invoice.Events[0].Type)
	require.Len(t, invoice.Events, len(acknowledged)+1)
	status := "drafted"
	for _, event := range invoice.Events[1:] {
		require.True(t, acknowledged[event.ID], "%s was never acknowledged", event.Type)
		delete(acknowledged, event.ID)
		next, legal := map[string]string{
			"drafted InvoiceUpdated": "drafted", "drafted InvoiceIssued": "issued", "drafted InvoiceVoided": "voided",
			"issued InvoicePaid": "paid", "issued InvoiceVoided": "voided",
			"drafted InvoiceDeleted": "deleted", "issued InvoiceDeleted": "deleted", "paid InvoiceDeleted": "deleted", "voided InvoiceDeleted": "deleted",
		}[status+" "+event.Type]
		require.True(t, legal, "%s when it was %s", event.Type, status)
		status = next
	}
	require.Equal(t, "deleted", status)
	require.Equal(t, int64(len(invoice.Events)), invoice.Version)
}
