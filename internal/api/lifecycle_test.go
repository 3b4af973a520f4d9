package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// event is an event as a find shows it.
type event struct {
	ID            string `json:"id"`
	Type          string `json:"type"`
	EventableType string `json:"eventable_type"`
	EventableID   string `json:"eventable_id"`
	Body          object `json:"body"`
	CreatedAt     string `json:"created_at"`
}

type found struct {
	ID             string                                `json:"id"`
	Name           string                                `json:"name"`
	OrganisationID string                                `json:"organisation_id"`
	ContactID      string                                `json:"contact_id"`
	Status         string                                `json:"status"`
	CurrencyCode   string                                `json:"currency_code"`
	DueDate        string                                `json:"due_date"`
	LineItems      []object                              `json:"line_items"`
	SubTotal       struct{ Amount, CurrencyCode string } `json:"sub_total"`
	DeletedAt      string                                `json:"deleted_at"`
	Version        int64                                 `json:"version"`
	Events         []event                               `json:"events"`
}

type summary struct {
	Position       int64
	OrganisationID string `json:"organisation_id"`
	Organisation   string
	Lines          []struct {
		Status   string
		Invoices int64
		SubTotal struct {
			Amount       string
			CurrencyCode string `json:"currency_code"`
		} `json:"sub_total"`
	}
}

// counts is the invoices and amounts by status.
func (s summary) counts() map[string]string {
	counts := map[string]string{}
	for _, line := range s.Lines {
		counts[line.Status+" "+line.SubTotal.CurrencyCode] = line.SubTotal.Amount
	}
	return counts
}

// Accountify's own script, with what it expects of the summary after each step.
func TestLifecycle(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.follow(t)
	organisation := s.organisation(t)
	contact := s.contact(t, organisation)
	id, drafted := s.command(t, http.MethodPost, "/accountify/invoice", draft(organisation, contact))
	require.Equal(t, "/accountify/invoice/"+id, drafted.Header.Get("Location"))
	require.Equal(t, `"1"`, drafted.Header.Get("ETag"))
	path := "/accountify/invoice/" + id

	// sees wants the summary to be so, as of the command that was answered.
	sees := func(command answer, want map[string]string) {
		t.Helper()
		got := s.get(t, "/accountify/organisation/"+organisation+"/summary?at_least="+command.Header.Get("Contrail-Position"))
		read := into[summary](t, got)
		require.Equal(t, want, read.counts())
		require.Equal(t, organisation, read.OrganisationID)
		require.Equal(t, "Acme", read.Organisation)
	}
	sees(drafted, map[string]string{"drafted AUD": "1000.00"})

	_, updated := s.command(t, http.MethodPut, path, object{
		"organisation_id": organisation, "contact_id": contact, "due_date": tomorrow(),
		"line_items": []object{line("White Widget", "25.00", "AUD", 3), line("Black Widget", "5", "AUD", 4)},
	})
	sees(updated, map[string]string{"drafted AUD": "95.00"})
	_, issued := s.command(t, http.MethodPatch, path+"/issue", nil)
	sees(issued, map[string]string{"issued AUD": "95.00"})
	_, paid := s.command(t, http.MethodPatch, path+"/paid", nil)
	sees(paid, map[string]string{"paid AUD": "95.00"})

	p := refused(t, s.do(t, http.MethodPatch, path+"/void", nil), http.StatusConflict, "refused")
	require.Equal(t, "invoice.status", p.Code)
	require.Contains(t, p.Detail, "can't void an invoice that is paid")
	p = refused(t, s.do(t, http.MethodPut, path, object{"due_date": tomorrow(), "line_items": []object{line("x", "1", "AUD", 1)}}), http.StatusConflict, "refused")
	require.Equal(t, "invoice.status", p.Code)

	_, deleted := s.command(t, http.MethodDelete, path, nil)
	require.Equal(t, `"5"`, deleted.Header.Get("ETag"))
	sees(deleted, map[string]string{})
	p = refused(t, s.do(t, http.MethodPatch, path+"/issue", nil), http.StatusConflict, "refused")
	require.Equal(t, "invoice.deleted", p.Code)
	requireHistory(t, s, id, organisation, contact)
}

// requireHistory wants the invoice to be found, deleted as it is, with all that happened to it.
func requireHistory(t *testing.T, s *service, id, organisation, contact string) {
	t.Helper()
	got := s.get(t, "/accountify/invoice/"+id)
	require.Equal(t, `"5"`, got.Header.Get("ETag"))
	invoice := into[found](t, got)
	require.Equal(t, id, invoice.ID)
	require.Equal(t, "paid", invoice.Status)
	require.Equal(t, int64(5), invoice.Version)
	require.NotEmpty(t, invoice.DeletedAt)
	require.Equal(t, organisation, invoice.OrganisationID)
	require.Equal(t, contact, invoice.ContactID)
	require.Equal(t, object{"description": "White Widget", "quantity": 3.0, "unit_amount": object{"amount": "25.00", "currency_code": "AUD"}}, invoice.LineItems[0])
	types := make([]string, 0, len(invoice.Events))
	for _, event := range invoice.Events {
		types = append(types, event.Type)
		require.Equal(t, "Invoice", event.EventableType)
		require.Equal(t, id, event.EventableID)
		_, err := time.Parse(time.RFC3339Nano, event.CreatedAt)
		require.NoError(t, err)
	}
	require.Equal(t, []string{"InvoiceDrafted", "InvoiceUpdated", "InvoiceIssued", "InvoicePaid", "InvoiceDeleted"}, types)
	body, is := invoice.Events[0].Body["invoice"].(object)
	require.True(t, is)
	require.Equal(t, object{"amount": "1000.00", "currency_code": "AUD"}, body["sub_total"])

	events, is := into[object](t, got)["events"].([]any)
	require.True(t, is)
	first, is := events[0].(object)
	require.True(t, is)
	keys := make([]string, 0, len(first))
	for key := range first {
		keys = append(keys, key)
	}
	require.ElementsMatch(t, []string{"id", "type", "eventable_type", "eventable_id", "body", "created_at"}, keys)
}

// A command answers exactly the id and the events.
func TestCommandsAnswerAsAccountifysDo(t *testing.T) {
	t.Parallel()
	s := newService(t)
	got := s.do(t, http.MethodPost, "/accountify/organisation", object{"name": "Acme"})
	require.Equal(t, http.StatusCreated, got.Status)
	require.Equal(t, "application/json", got.Header.Get("Content-Type"))
	require.Regexp(t, `^\{"id":"[0-9a-f-]{36}","events":\[\{"id":"[0-9a-f-]{36}","type":"OrganisationCreated"\}\]\}\n$`, string(got.Body))
}

// The other words for the same things.
func TestApproveAndPay(t *testing.T) {
	t.Parallel()
	s := newService(t)
	path := "/accountify/invoice/" + s.invoice(t)
	_, issued := s.command(t, http.MethodPatch, path+"/approve", "{}")
	require.Equal(t, "InvoiceIssued", into[commanded](t, issued).Events[0].Type)
	_, paid := s.command(t, http.MethodPatch, path+"/pay", nil)
	require.Equal(t, "InvoicePaid", into[commanded](t, paid).Events[0].Type)
}

// Organisations and contacts, all that can be done with them.
func TestOrganisationAndContact(t *testing.T) {
	t.Parallel()
	s := newService(t)
	organisation := s.organisation(t)
	contact := s.contact(t, organisation)
	s.command(t, http.MethodPut, "/accountify/organisation/"+organisation, object{"name": "Apex"})
	require.Equal(t, "Apex", into[found](t, s.get(t, "/accountify/organisation/"+organisation)).Name)
	details := object{"first_name": "Augusta", "last_name": "King", "email": "augusta@example.org"}
	s.command(t, http.MethodPut, "/accountify/contact/"+contact, details)
	details["organisation_id"] = organisation
	s.command(t, http.MethodPut, "/accountify/contact/"+contact, details)
	details["organisation_id"] = absent
	p := refused(t, s.do(t, http.MethodPut, "/accountify/contact/"+contact, details), http.StatusUnprocessableEntity, "invalid")
	require.Equal(t, "body.organisation_id", p.Errors[0].Location)
	require.Equal(t, "King", into[object](t, s.get(t, "/accountify/contact/"+contact))["last_name"])
	s.command(t, http.MethodDelete, "/accountify/contact/"+contact, nil)
	s.command(t, http.MethodDelete, "/accountify/organisation/"+organisation, nil)
	read := into[found](t, s.get(t, "/accountify/organisation/"+organisation))
	require.NotEmpty(t, read.DeletedAt)
	require.Len(t, read.Events, 3)
	p = refused(t, s.do(t, http.MethodPost, "/accountify/contact", object{
		"organisation_id": organisation, "first_name": "Ada", "last_name": "Byron", "email": "ada@example.org",
	}), http.StatusConflict, "refused")
	require.Equal(t, "organisation.deleted", p.Code)
}

// As it was at a version, and at a time.
func TestAsOf(t *testing.T) {
	t.Parallel()
	s := newService(t)
	id := s.invoice(t)
	path := "/accountify/invoice/" + id
	s.command(t, http.MethodPatch, path+"/issue", nil)
	s.command(t, http.MethodPatch, path+"/paid", nil)
	now := into[found](t, s.get(t, path))
	got := s.get(t, path+"?version=2")
	require.Equal(t, `"2"`, got.Header.Get("ETag"))
	require.Equal(t, "issued", into[found](t, got).Status)
	require.Len(t, into[found](t, got).Events, 2)
	require.Equal(t, "drafted", into[found](t, s.get(t, path+"?as_of="+now.Events[0].CreatedAt)).Status)
	at, err := time.Parse(time.RFC3339Nano, now.Events[1].CreatedAt)
	require.NoError(t, err)
	east := at.In(time.FixedZone("", 2*60*60)).Format(time.RFC3339Nano) // its + is a space in a query
	require.Equal(t, "issued", into[found](t, s.get(t, path+"?as_of="+east)).Status)
	refused(t, s.do(t, http.MethodGet, path+"?version=9", nil), http.StatusNotFound, "not-found")
	refused(t, s.do(t, http.MethodGet, path+"?as_of=2001-01-01T00:00:00Z", nil), http.StatusNotFound, "not-found")
	p := refused(t, s.do(t, http.MethodGet, path+"?as_of=yesterday", nil), http.StatusUnprocessableEntity, "invalid")
	require.Equal(t, "query.as_of", p.Errors[0].Location)
	refused(t, s.do(t, http.MethodGet, path+"?version=0", nil), http.StatusUnprocessableEntity, "invalid")
}
