package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

type page struct {
	Items []found `json:"items"`
	Next  string  `json:"next"`
}

// walk follows the links from a path, and returns the ids on the way, in order.
func (s *service) walk(tb testing.TB, path string) (ids []string, pages int) {
	tb.Helper()
	for path != "" {
		got := s.get(tb, path)
		read := into[page](tb, got)
		for _, item := range read.Items {
			ids = append(ids, item.ID)
		}
		pages++
		path = nextOf(got)
		require.Equal(tb, path == "", read.Next == "")
	}
	return ids, pages
}

// nextOf is where the answer's link to the next page leads; "": there is none.
func nextOf(got answer) string {
	link, found := strings.CutSuffix(got.Header.Get("Link"), `>; rel="next"`)
	if !found {
		return ""
	}
	return strings.TrimPrefix(link, "<")
}

// The links lead through all, each once, and keep the filters.
func TestListPages(t *testing.T) {
	t.Parallel()
	s := newService(t)
	organisation, other := s.organisation(t), s.organisation(t)
	contact := s.contact(t, organisation)
	var invoices []string
	for range 7 {
		id, _ := s.command(t, http.MethodPost, "/accountify/invoice", draft(organisation, contact))
		invoices = append(invoices, id)
	}
	s.command(t, http.MethodPost, "/accountify/invoice", draft(other, s.contact(t, other)))
	ids, pages := s.walk(t, "/accountify/invoice?limit=3&status=drafted&organisation_id="+organisation)
	require.Equal(t, invoices, ids, "in the order in which they were made")
	require.Equal(t, 3, pages)
	ids, pages = s.walk(t, "/accountify/invoice?contact_id="+contact)
	require.Equal(t, invoices, ids)
	require.Equal(t, 1, pages)
	s.command(t, http.MethodPatch, "/accountify/invoice/"+invoices[2]+"/issue", nil)
	s.command(t, http.MethodDelete, "/accountify/invoice/"+invoices[3], nil)
	ids, _ = s.walk(t, "/accountify/invoice?status=issued")
	require.Equal(t, invoices[2:3], ids)
	ids, _ = s.walk(t, "/accountify/invoice?status=deleted")
	require.Equal(t, invoices[3:4], ids)
	ids, _ = s.walk(t, "/accountify/invoice?limit=1&organisation_id="+organisation)
	require.Len(t, ids, 6)
	ids, _ = s.walk(t, "/accountify/organisation?limit=1")
	require.Equal(t, []string{organisation, other}, ids)
	ids, _ = s.walk(t, "/accountify/contact?organisation_id="+organisation)
	require.Equal(t, []string{contact}, ids)
	got := s.get(t, "/accountify/invoice?status=voided")
	require.JSONEq(t, `{"items":[]}`, string(got.Body))
	require.NotContains(t, string(s.get(t, "/accountify/invoice").Body), `"events"`)
}

// A page of long invoices ends before its limit, and the next goes on from there: a service has no room for hundreds of them at a time.
func TestPagesOfLongInvoicesAreShorter(t *testing.T) {
	t.Parallel()
	s := newService(t)
	organisation := s.organisation(t)
	long := draft(organisation, s.contact(t, organisation))
	long["line_items"] = slices.Repeat([]object{line("x", "1", "AUD", 1)}, 100)
	var invoices []string
	for range 60 {
		id, _ := s.command(t, http.MethodPost, "/accountify/invoice", long)
		invoices = append(invoices, id)
	}
	require.Less(t, len(into[page](t, s.get(t, "/accountify/invoice?limit=200")).Items), 60)
	ids, _ := s.walk(t, "/accountify/invoice?limit=200")
	require.Equal(t, invoices, ids)
}

// A reference is unique, found, and told of.
func TestReferences(t *testing.T) {
	t.Parallel()
	s := newService(t)
	id, _ := s.command(t, http.MethodPost, "/accountify/organisation", object{"name": "Acme", "reference": "o 1/ü"})
	p := refused(t, s.do(t, http.MethodPost, "/accountify/organisation", object{"name": "Apex", "reference": "o 1/ü"}), http.StatusConflict, "reference-taken")
	require.Equal(t, "reference.taken", p.Code)
	require.Contains(t, p.Detail, id)
	ids, _ := s.walk(t, "/accountify/organisation?reference="+url.QueryEscape("o 1/ü"))
	require.Equal(t, []string{id}, ids)
	require.Equal(t, "o 1/ü", into[object](t, s.get(t, "/accountify/organisation/"+id))["reference"])
	_, got := s.command(t, http.MethodPost, "/accountify/organisation", object{"name": "Acme", "reference": "o 1/ü"}, "X-Tenant-Id", "t2")
	require.NotEqual(t, id, into[commanded](t, got).ID, "another tenant's are its own")
	p = refused(t, s.do(t, http.MethodPost, "/accountify/organisation", object{"name": "x", "reference": strings.Repeat("r", 201)}),
		http.StatusUnprocessableEntity, "invalid")
	require.Equal(t, "body.reference", p.Errors[0].Location)
}

// The history has pages, and what the store knows beside the bodies.
func TestHistory(t *testing.T) {
	t.Parallel()
	s := newService(t)
	id := s.invoice(t)
	path := "/accountify/invoice/" + id
	s.command(t, http.MethodPatch, path+"/issue", nil, "X-User-Id", "ada", "X-Correlation-Id", "c-1")
	s.command(t, http.MethodPatch, path+"/paid", nil)
	type history struct {
		Items []struct {
			event
			Version, Position int64
			Metadata          map[string]string
		}
		Next string
	}
	got := s.get(t, path+"/events?limit=2")
	first := into[history](t, got)
	require.Len(t, first.Items, 2)
	require.Equal(t, "2", first.Next)
	require.Equal(t, fmt.Sprintf(`<%s/events?after=2&limit=2>; rel="next"`, path), got.Header.Get("Link"))
	issued := first.Items[1]
	require.Equal(t, "InvoiceIssued", issued.Type)
	require.Equal(t, int64(2), issued.Version)
	require.Positive(t, issued.Position)
	require.Equal(t, "ada", issued.Metadata["user_id"])
	require.Equal(t, "c-1", issued.Metadata["correlation_id"])
	require.Equal(t, "t1", issued.Metadata["tenant_id"])
	last := into[history](t, s.get(t, path+"/events?limit=2&after="+first.Next))
	require.Len(t, last.Items, 1)
	require.Equal(t, "InvoicePaid", last.Items[0].Type)
	require.Equal(t, "1", last.Items[0].Metadata["user_id"])
	require.Empty(t, last.Next)
	refused(t, s.do(t, http.MethodGet, "/accountify/invoice/"+absent+"/events", nil), http.StatusNotFound, "not-found")
}
