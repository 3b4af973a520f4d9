package api_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/contrail-events/contrail/internal/api"
	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// fuzzRoutes are those that take a body, or might be sent one. ORGANISATION, CONTACT and INVOICE stand for ids of each, also in bodies.
var fuzzRoutes = [...][2]string{
	{http.MethodPost, "/accountify/organisation"},
	{http.MethodPost, "/accountify/contact"},
	{http.MethodPost, "/accountify/invoice"},
	{http.MethodPut, "/accountify/organisation/ORGANISATION"},
	{http.MethodPut, "/accountify/contact/CONTACT"},
	{http.MethodPut, "/accountify/invoice/INVOICE"},
	{http.MethodPatch, "/accountify/invoice/INVOICE/void"},
}

// fuzzBodies are what to begin with: all that is right, and what is wrong in a way of its own.
var fuzzBodies = []string{
	`{"name":"Acme"}`,
	`{"name":"Acme","reference":"r-1"}`,
	`{"NAME":"Acme","name":null}`,
	`{"name":"\u0000\ud800\u202e"}`,
	`{"name":"` + "\xff" + `"}`,
	`{"name":"a"} {"name":"b"}`,
	`{"organisation_id":"ORGANISATION","first_name":"Ada","last_name":"Byron","email":"ada@example.org"}`,
	`{"organisation_id":"ORGANISATION","first_name":"Ada","last_name":"Byron","email":"ada@example..org","reference":""}`,
	`{"first_name":"Ada","last_name":"Byron","email":"ada@example.org"}`,
	`{"organisation_id":"ORGANISATION","contact_id":"CONTACT","currency_code":"EUR","due_date":"2999-01-31","drafted_on":"2020-02-29","reference":"i-1",` +
		`"line_items":[{"description":"Tea","unit_amount":{"amount":"2.50","currency_code":"EUR"},"quantity":2},` +
		`{"description":"Bag","unit_amount":{"amount":0.10,"currency_code":"EUR"},"quantity":1.0}]}`,
	`{"organisation_id":"ORGANISATION","contact_id":"CONTACT","currency_code":"JPY","due_date":"2999-01-31",` +
		`"line_items":[{"description":"Tea","unit_amount":{"amount":1e400,"currency_code":"JPY"},"quantity":1e300}]}`,
	`{"organisation_id":"ORGANISATION","contact_id":"CONTACT","currency_code":"KWD","due_date":"9999-12-31",` +
		`"line_items":[{"description":"Tea","unit_amount":{"amount":"999999999999999.999","currency_code":"KWD"},"quantity":1000000000}]}`,
	`{"due_date":"2999-01-31","line_items":[{"description":"Tea","unit_amount":{"amount":"-0","currency_code":"AUD"},"quantity":9223372036854775808}]}`,
	`{"contact_id":"CONTACT","due_date":"2999-02-30","line_items":null}`,
	`{"due_date":{},"line_items":[[],null,7,{"unit_amount":[]}]}`,
	`[[[[[[[[[[`, `null`, `0`, `""`, `{}`, ``,
}

// No body brings the service down, or makes it fail: what it does not take it refuses with a problem.
func FuzzBodies(f *testing.F) {
	for _, body := range fuzzBodies {
		for route := range fuzzRoutes {
			f.Add(uint8(route), []byte(body), `"1"`, "")
		}
	}
	f.Add(uint8(0), []byte(`{"name":"Acme"}`), `W/"1", "2", *`, "key")
	handler, ids := newFuzzed(f)
	f.Fuzz(func(t *testing.T, route uint8, body []byte, condition, key string) {
		to := fuzzRoutes[int(route)%len(fuzzRoutes)]
		request := httptest.NewRequestWithContext(t.Context(), to[0], ids.Replace(to[1]), strings.NewReader(ids.Replace(string(body))))
		request.Header = http.Header{"X-Tenant-Id": {"t1"}, "Content-Type": {"application/json"}, "If-Match": {condition}}
		if key != "" {
			request.Header["Idempotency-Key"] = []string{key}
		}
		recorded := httptest.NewRecorder()
		handler.ServeHTTP(recorded, request)
		requireAnswer(t, recorded)
	})
}

// newFuzzed is an API that any number of requests can be sent to, and the ids of what is there.
func newFuzzed(f *testing.F) (*api.API, *strings.Replacer) {
	f.Helper()
	pool := pgtest.New(f)
	if _, err := invoicing.Migrate(f.Context(), pool); err != nil {
		f.Fatal(err)
	}
	s := serve(f, pool)
	organisation := s.organisation(f)
	contact := s.contact(f, organisation)
	invoice, _ := s.command(f, http.MethodPost, "/accountify/invoice", draft(organisation, contact))
	handler, err := api.New(configure(f, pool))
	if err != nil {
		f.Fatal(err)
	}
	return handler, strings.NewReplacer("ORGANISATION", organisation, "CONTACT", contact, "INVOICE", invoice)
}

func requireAnswer(t *testing.T, got *httptest.ResponseRecorder) {
	t.Helper()
	var read struct {
		ID, Type, Detail string
		Status           int
	}
	if err := json.Unmarshal(got.Body.Bytes(), &read); err != nil {
		t.Fatalf("%d, no JSON: %s", got.Code, got.Body)
	}
	content := got.Header().Get("Content-Type")
	switch {
	case got.Code >= http.StatusInternalServerError:
		t.Fatalf("it failed: %d %s", got.Code, got.Body)
	case got.Code >= http.StatusBadRequest:
		if content != "application/problem+json" || read.Status != got.Code || read.Type == "" || read.Detail == "" {
			t.Fatalf("no problem: %d %s %s", got.Code, content, got.Body)
		}
	case read.ID == "" || !bytes.Contains(got.Body.Bytes(), []byte(`"events":[{"id":`)):
		t.Fatalf("no answer: %d %s", got.Code, got.Body)
	}
}
