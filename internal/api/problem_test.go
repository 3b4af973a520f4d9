package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every refusal is a problem, whoever refuses.
func TestProblems(t *testing.T) {
	t.Parallel()
	s := newService(t)
	organisation := s.organisation(t)
	contact := s.contact(t, organisation)
	other := s.contact(t, s.organisation(t))
	// but is the draft with another value for a field, or without it.
	but := func(field string, value any) object {
		changed := draft(organisation, contact)
		changed[field] = value
		if value == nil {
			delete(changed, field)
		}
		return changed
	}
	lines := func(lines ...object) object { return but("line_items", lines) }
	const organisations, invoices = "/accountify/organisation", "/accountify/invoice"
	for name, test := range map[string]struct {
		method, path string
		body         any
		headers      []string
		status       int
		kind         string
		location     string // of the first fault
		code         string
		detail       string // a part of it
	}{
		"no tenant":         {"GET", organisations, nil, []string{"X-Tenant-Id", ""}, 400, "tenant-required", "", "", "X-Tenant-Id is required"},
		"blank tenant":      {"GET", organisations, nil, []string{"X-Tenant-Id", "  "}, 400, "tenant-required", "", "", "X-Tenant-Id is required"},
		"long tenant":       {"GET", organisations, nil, []string{"X-Tenant-Id", strings.Repeat("t", 201)}, 400, "malformed", "", "", "X-Tenant-Id is too long"},
		"tenant, no UTF-8":  {"GET", organisations, nil, []string{"X-Tenant-Id", "t\xff"}, 400, "malformed", "", "", "X-Tenant-Id"},
		"long user":         {"GET", organisations, nil, []string{"X-User-Id", strings.Repeat("u", 201)}, 400, "malformed", "", "", "X-User-Id is too long"},
		"no such route":     {"GET", "/accountify/organisations", nil, nil, 404, "no-such-route", "", "", "/docs"},
		"a longer route":    {"GET", organisations + "/" + absent + "/", nil, nil, 404, "no-such-route", "", "", "/docs"},
		"the root":          {"GET", "/", nil, nil, 404, "no-such-route", "", "", ""},
		"a path with dots":  {"GET", "/accountify/../../etc/passwd", nil, nil, 404, "no-such-route", "", "", ""},
		"wrong method":      {"DELETE", organisations, nil, nil, 405, "method-not-allowed", "", "", "use GET, HEAD, POST"},
		"wrong probe":       {"POST", "/healthz", nil, nil, 405, "method-not-allowed", "", "", "use GET, HEAD"},
		"options":           {"OPTIONS", invoices + "/" + absent, nil, nil, 405, "method-not-allowed", "", "", ""},
		"wrong type":        {"POST", organisations, `name=Acme`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "unsupported-media-type", "", "", ""},
		"wrong charset":     {"POST", organisations, `{}`, []string{"Content-Type", "application/json; charset=latin1"}, 415, "unsupported-media-type", "", "", ""},
		"no body":           {"POST", organisations, nil, nil, 400, "malformed", "", "", "body is required"},
		"no JSON":           {"POST", organisations, `{"name":`, nil, 400, "malformed", "", "", "no JSON"},
		"two objects":       {"POST", organisations, `{"name":"a"}{"name":"b"}`, nil, 400, "malformed", "", "", "no JSON"},
		"no UTF-8":          {"POST", organisations, "{\"name\":\"\xff\"}", nil, 400, "malformed", "", "", "no UTF-8"},
		"other letters":     {"POST", organisations, `{"NAME":"a"}`, nil, 400, "malformed", "", "", `"NAME"`},
		"letters that fold": {"POST", organisations, `{"name":"a","reference":"b","re\u017ference":"c"}`, nil, 400, "malformed", "", "", "small letters"},
		"also in letters":   {"POST", organisations, `{"name":"a","Name":5}`, nil, 400, "malformed", "", "", `"Name"`},
		"a field twice":     {"POST", organisations, `{"name":"a","name":"b"}`, nil, 400, "malformed", "", "", `the body has the field "name" twice`},
		"twice in a line":   {"POST", invoices, `{"line_items":[{},{"quantity":1,"quantity":2}]}`, nil, 400, "malformed", "", "", `"quantity" twice`},
		"half a character":  {"POST", organisations, `{"name":"a\\\ud83d\ude00\ud800"}`, nil, 400, "malformed", "", "", "half of a surrogate pair"},
		"out of range":      {"POST", organisations, `{"name":1e400}`, nil, 400, "malformed", "", "", "the body has a number 1e400, which is out of range"},
		"compressed":        {"POST", organisations, `{"name":"a"}`, []string{"Content-Encoding", "gzip"}, 415, "unsupported-media-type", "", "", "Content-Encoding"},
		"If-Match, new":     {"POST", organisations, `{"name":"a"}`, []string{"If-Match", `"1"`}, 400, "malformed", "", "", "If-Match"},
		"only if none":      {"PUT", organisations + "/" + organisation, `{"name":"a"}`, []string{"If-None-Match", "*"}, 400, "malformed", "", "", "If-None-Match"},
		"empty If-Match":    {"PUT", organisations + "/" + organisation, `{"name":"a"}`, []string{"If-Match", " "}, 400, "malformed", "", "", "If-Match is empty"},
		"badly escaped":     {"GET", invoices + "?contact_id=%zz", nil, nil, 400, "malformed", "", "", "%25"},
		"semicolon":         {"GET", invoices + "?reference=a;b", nil, nil, 400, "malformed", "", "", "%3B"},
		"parameter twice":   {"GET", invoices + "?status=paid&status=issued", nil, nil, 400, "malformed", "", "", `"status" is given more than once`},
		"an array":          {"POST", organisations, `[]`, nil, 422, "invalid", "body", "shape", ""},
		"null":              {"POST", organisations, `null`, nil, 422, "invalid", "body", "shape", ""},
		"a number as name":  {"POST", organisations, `{"name":1}`, nil, 422, "invalid", "body.name", "shape", "expected string"},
		"no name":           {"POST", organisations, `{}`, nil, 422, "invalid", "body.name", "shape.missing", ""},
		"null name":         {"POST", organisations, `{"name":null}`, nil, 422, "invalid", "body.name", "shape", ""},
		"unknown field":     {"POST", organisations, `{"name":"a","owner":"b"}`, nil, 422, "invalid", "body.owner", "shape.unknown", ""},
		"empty name":        {"POST", organisations, `{"name":""}`, nil, 422, "invalid", "body.name", "text.blank", "is empty"},
		"NUL in the name":   {"POST", organisations, `{"name":"\u0000"}`, nil, 422, "invalid", "body.name", "text.unprintable", ""},
		"too large":         {"POST", organisations, `{"name":"` + strings.Repeat("x", 1<<20) + `"}`, nil, 413, "body-too-large", "", "", "1048576"},
		"large headers":     {"GET", organisations, nil, []string{"X-Large", strings.Repeat("x", 40<<10)}, 431, "headers-too-large", "", "", ""},
		"empty key":         {"POST", organisations, `{"name":"a"}`, []string{"Idempotency-Key", " "}, 400, "malformed", "", "", "Idempotency-Key is empty"},
		"long key":          {"POST", organisations, `{"name":"a"}`, []string{"Idempotency-Key", strings.Repeat("k", 256)}, 422, "invalid", "header.Idempotency-Key", "idempotency_key.malformed", ""},
		"unknown parameter": {"GET", organisations + "?name=a", nil, nil, 422, "invalid", "query.name", "shape", ""},
		"limit of none":     {"GET", organisations + "?limit=0", nil, nil, 422, "invalid", "query.limit", "shape", ""},
		"limit too high":    {"GET", organisations + "?limit=201", nil, nil, 422, "invalid", "query.limit", "shape", ""},
		"limit no number":   {"GET", organisations + "?limit=all", nil, nil, 422, "invalid", "query.limit", "shape", ""},
		"status of none":    {"GET", organisations + "?status=paid", nil, nil, 422, "invalid", "query.status", "shape", ""},
		"after no id":       {"GET", organisations + "?after=x", nil, nil, 422, "invalid", "query.after", "list.after", ""},
		"not found":         {"GET", organisations + "/" + absent, nil, nil, 404, "not-found", "", "", absent},
		"no id":             {"GET", organisations + "/x%2Fy%00", nil, nil, 404, "not-found", "", "", ""},
		"delete none":       {"DELETE", organisations + "/" + absent, nil, nil, 404, "not-found", "", "", absent},
		"bad If-Match":      {"DELETE", organisations + "/" + organisation, nil, []string{"If-Match", "3"}, 400, "malformed", "", "", ""},
		"bad If-None-Match": {"GET", organisations + "/" + organisation, nil, []string{"If-None-Match", `"3`}, 400, "malformed", "", "", ""},
		"e-mail": {
			"POST", "/accountify/contact",
			object{"organisation_id": organisation, "first_name": "A", "last_name": "B", "email": "nobody"},
			nil,
			422, "invalid", "body.email", "contact.email", "name@example.com",
		},
		"contact of no organisation": {
			"POST", "/accountify/contact",
			object{"organisation_id": absent, "first_name": "A", "last_name": "B", "email": "a@b.cd"},
			nil,
			404, "not-found", "", "", absent,
		},
		"no due date":            {"POST", invoices, but("due_date", nil), nil, 422, "invalid", "body.due_date", "shape.missing", ""},
		"empty due date":         {"POST", invoices, but("due_date", ""), nil, 422, "invalid", "body.due_date", "invoice.date", ""},
		"due on no day":          {"POST", invoices, but("due_date", "2026-02-30"), nil, 422, "invalid", "body.due_date", "invoice.date", ""},
		"due before the draft":   {"POST", invoices, but("due_date", "2021-01-31"), nil, 422, "invalid", "body.due_date", "invoice.due_before_draft", ""},
		"drafted in the future":  {"POST", invoices, but("drafted_on", "9999-01-31"), nil, 422, "invalid", "body.drafted_on", "", "lies in the future"},
		"drafted on no day":      {"POST", invoices, but("drafted_on", "yesterday"), nil, 422, "invalid", "body.drafted_on", "invoice.date", ""},
		"no lines":               {"POST", invoices, lines(), nil, 422, "invalid", "body.line_items", "", ""},
		"currency of none":       {"POST", invoices, but("currency_code", "AUX"), nil, 422, "invalid", "body.currency_code", "", ""},
		"line in no currency":    {"POST", invoices, lines(line("x", "1", "AUX", 1)), nil, 422, "invalid", "body.line_items[0].unit_amount.currency_code", "money.currency", ""},
		"line in another":        {"POST", invoices, lines(line("x", "1", "EUR", 1)), nil, 422, "invalid", "body.line_items[0].unit_amount", "invoice.line_currency", ""},
		"too many decimals":      {"POST", invoices, lines(line("x", "1", "AUD", 1), line("x", "1.234", "AUD", 1)), nil, 422, "invalid", "body.line_items[1].unit_amount.amount", "money.decimals", ""},
		"no amount":              {"POST", invoices, lines(line("x", "one", "AUD", 1)), nil, 422, "invalid", "body.line_items[0].unit_amount.amount", "money.amount", ""},
		"amount with exponent":   {"POST", invoices, `{"organisation_id":"a","contact_id":"b","currency_code":"AUD","due_date":"2999-01-01","line_items":[{"description":"x","unit_amount":{"amount":1e3,"currency_code":"AUD"},"quantity":1}]}`, nil, 422, "invalid", "body.line_items[0].unit_amount.amount", "money.amount", ""},
		"amount of no kind":      {"POST", invoices, `{"organisation_id":"a","contact_id":"b","currency_code":"AUD","due_date":"2999-01-01","line_items":[{"description":"x","unit_amount":{"amount":true,"currency_code":"AUD"},"quantity":1}]}`, nil, 422, "invalid", "body.line_items[0].unit_amount.amount", "shape", "expected string or number"},
		"negative amount":        {"POST", invoices, lines(line("x", "-1", "AUD", 1)), nil, 422, "invalid", "body.line_items[0].unit_amount", "invoice.negative_amount", ""},
		"too large an amount":    {"POST", invoices, lines(line("x", "1"+strings.Repeat("0", 15), "AUD", 1)), nil, 422, "invalid", "body.line_items[0].unit_amount.amount", "money.too_large", ""},
		"too large a sum":        {"POST", invoices, lines(line("x", strings.Repeat("9", 15), "AUD", 2)), nil, 422, "invalid", "body.sub_total", "money.too_large", ""},
		"no quantity":            {"POST", invoices, lines(line("x", "1", "AUD", 0)), nil, 422, "invalid", "body.line_items[0].quantity", "invoice.quantity", ""},
		"a negative quantity":    {"POST", invoices, lines(line("x", "1", "AUD", -1)), nil, 422, "invalid", "body.line_items[0].quantity", "invoice.quantity", ""},
		"contact of another":     {"POST", invoices, but("contact_id", other), nil, 404, "not-found", "", "", other},
		"no such contact":        {"POST", invoices, but("contact_id", absent), nil, 404, "not-found", "", "", absent},
		"another's organisation": {"POST", invoices, draft(organisation, contact), []string{"X-Tenant-Id", "t2"}, 404, "not-found", "", "", organisation},
		"summary of none":        {"GET", organisations + "/" + absent + "/summary", nil, nil, 404, "not-found", "", "", ""},
		"statement of none":      {"GET", organisations + "/" + absent + "/statement", nil, nil, 404, "not-found", "", "", ""},
		"position to come":       {"GET", organisations + "/" + organisation + "/summary?at_least=999999", nil, nil, 422, "no-such-position", "query.at_least", "position.future", ""},
		"no position":            {"GET", organisations + "/" + organisation + "/summary?at_least=0", nil, nil, 422, "invalid", "query.at_least", "shape", ""},
		"overdue on no day":      {"GET", invoices + "/overdue?day=2026-02-30", nil, nil, 422, "invalid", "query.day", "invoice.date", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := refused(t, s.do(t, test.method, test.path, test.body, test.headers...), test.status, test.kind)
			require.Contains(t, p.Detail, test.detail)
			if test.location != "" {
				require.NotEmpty(t, p.Errors)
				require.Equal(t, test.location, p.Errors[0].Location, p.Detail)
				require.NotEmpty(t, p.Errors[0].Message)
			}
			if test.code != "" {
				require.Equal(t, test.code, p.Code)
			}
		})
	}
}

// The problem without a tenant is word for word that of Accountify, with what RFC 9457 adds.
func TestNoTenant(t *testing.T) {
	t.Parallel()
	s := newService(t)
	got := s.do(t, http.MethodPost, "/accountify/organisation", `{}`, "X-Tenant-Id", "")
	require.JSONEq(t, `{"error":"X-Tenant-Id is required","detail":"X-Tenant-Id is required","status":400,
		"type":"urn:contrail:problem:tenant-required","title":"No tenant is named"}`, string(got.Body))
}

func TestWrongMethodSaysWhichAreAllowed(t *testing.T) {
	t.Parallel()
	s := newService(t)
	require.Equal(t, "GET, HEAD, POST", s.do(t, http.MethodPut, "/accountify/contact", nil).Header.Get("Allow"))
	require.Equal(t, "DELETE, GET, HEAD, PUT", s.do(t, http.MethodPost, "/accountify/contact/"+absent, nil).Header.Get("Allow"))
	require.Equal(t, "PATCH", s.do(t, http.MethodPost, "/accountify/invoice/"+absent+"/issue", nil).Header.Get("Allow"))
}

// All that is wrong is told at once, what can't be read beside what breaks a rule.
func TestAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := refused(t, s.do(t, http.MethodPost, "/accountify/invoice", object{
		"organisation_id": absent, "contact_id": absent, "currency_code": "AUD", "due_date": "soon", "reference": strings.Repeat("r", 201),
		"line_items": []object{line("", "1.234", "AUD", 0), line("x", "2", "EUR", 1), line("y", "1", "ZZZ", 1)},
	}), http.StatusUnprocessableEntity, "invalid")
	var locations []string
	for _, fault := range p.Errors {
		locations = append(locations, fault.Location)
	}
	require.ElementsMatch(t, []string{
		"body.due_date", "body.line_items[0].unit_amount.amount", "body.line_items[2].unit_amount.currency_code",
		"body.reference", "body.line_items[0].description", "body.line_items[0].quantity", "body.line_items[1].unit_amount",
	}, locations)
	require.Empty(t, p.Code, "there are several")
}

// A JSON number is taken as it is written, which a float could not hold.
func TestAmountsAreExact(t *testing.T) {
	t.Parallel()
	s := newService(t)
	organisation := s.organisation(t)
	id, _ := s.command(t, http.MethodPost, "/accountify/invoice", `{"organisation_id":"`+organisation+`","contact_id":"`+s.contact(t, organisation)+`",
		"currency_code":"EUR","due_date":"`+tomorrow()+`","line_items":[
			{"description":"a number","unit_amount":{"amount":900000000000000.01,"currency_code":"EUR"},"quantity":1},
			{"description":"a whole number of whole ones","unit_amount":{"amount":3,"currency_code":"EUR"},"quantity":2.0},
			{"description":"as some programs write 200000","unit_amount":{"amount":"0.01","currency_code":"EUR"},"quantity":2e+05},
			{"description":"a string","unit_amount":{"amount":"0.1","currency_code":"EUR"},"quantity":3}]}`)
	require.Contains(t, string(s.get(t, "/accountify/invoice/"+id).Body), `"sub_total":{"amount":"900000000002006.31","currency_code":"EUR"}`)
}
