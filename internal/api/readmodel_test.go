package api_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/api"
	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// A read model that does not come so far in time says where it is, and when to ask again. Without a position it shows what is there.
func TestBehind(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	_, err := invoicing.Migrate(t.Context(), pool)
	require.NoError(t, err)
	s := serve(t, pool, func(config *api.Config) { // and no projection runs
		config.Reader = invoicing.NewReader(pool, invoicing.ReaderConfig{Wait: 20 * time.Millisecond})
	})
	organisation, created := s.command(t, http.MethodPost, "/accountify/organisation", object{"name": "Acme"})
	for _, path := range []string{
		"/accountify/organisation/" + organisation + "/summary?", "/accountify/organisation/" + organisation + "/statement?", "/accountify/invoice/overdue?",
	} {
		got := s.do(t, http.MethodGet, path+"at_least="+created.Header.Get("Contrail-Position"), nil)
		p := refused(t, got, http.StatusServiceUnavailable, "behind")
		require.Equal(t, "1", got.Header.Get("Retry-After"))
		require.Equal(t, "0", got.Header.Get("Contrail-Position"))
		require.NotNil(t, p.Position)
		require.Zero(t, *p.Position)
		got = s.get(t, path)
		require.Equal(t, "0", got.Header.Get("Contrail-Position"))
		require.Contains(t, string(got.Body), `"position":0`)
	}
}

type overdue struct {
	Position int64
	Day      string
	Invoices []struct {
		ID          string
		DueDate     string `json:"due_date"`
		DaysOverdue int    `json:"days_overdue"`
	}
	Next string
}

// What is overdue on a day, in pages.
func TestOverdue(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.follow(t)
	organisation := s.organisation(t)
	contact := s.contact(t, organisation)
	var ids []string
	last := ""
	for day := 1; day <= 3; day++ {
		body := draft(organisation, contact)
		body["drafted_on"], body["due_date"] = "2021-01-01", "2021-02-0"+strconv.Itoa(day)
		id, _ := s.command(t, http.MethodPost, "/accountify/invoice", body)
		_, issued := s.command(t, http.MethodPatch, "/accountify/invoice/"+id+"/issue", nil)
		ids, last = append(ids, id), issued.Header.Get("Contrail-Position")
	}
	got := s.get(t, "/accountify/invoice/overdue?day=2021-02-03&at_least="+last)
	require.Equal(t, last, got.Header.Get("Contrail-Position"))
	read := into[overdue](t, got)
	require.Equal(t, last, strconv.FormatInt(read.Position, 10))
	require.Equal(t, "2021-02-03", read.Day)
	require.Len(t, read.Invoices, 2)
	require.Equal(t, 2, read.Invoices[0].DaysOverdue)
	var seen []string
	path := "/accountify/invoice/overdue?limit=2&organisation_id=" + organisation
	for path != "" {
		got := s.get(t, path)
		for _, invoice := range into[overdue](t, got).Invoices {
			seen = append(seen, invoice.ID)
		}
		path = nextOf(got)
	}
	require.Equal(t, ids, seen)
	require.Empty(t, into[overdue](t, s.get(t, "/accountify/invoice/overdue", "X-Tenant-Id", "t2")).Invoices)
	refused(t, s.do(t, http.MethodGet, "/accountify/invoice/overdue?organisation_id="+organisation, nil, "X-Tenant-Id", "t2"), http.StatusNotFound, "not-found")
	refused(t, s.do(t, http.MethodGet, "/accountify/invoice/overdue?after=x", nil), http.StatusUnprocessableEntity, "invalid")
}
