package api_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"math/big"
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// source is a line of the file: an invoice as the API takes it, but for the references in place of ids.
type source struct {
	Reference string `json:"reference"`
	Contact   struct {
		Reference string `json:"reference"`
		FirstName string `json:"first_name"`
		LastName  string `json:"last_name"`
		Email     string `json:"email"`
	} `json:"contact"`
	CurrencyCode string            `json:"currency_code"`
	DueDate      string            `json:"due_date"`
	LineItems    []json.RawMessage `json:"line_items"`
	SubTotal     struct {
		Amount string `json:"amount"`
	} `json:"sub_total"`
}

// A real shop's invoices, through the API: what the file adds up to is what the read models say. The data are not part of the project: where nothing
// is shared beside it, as in a clone alone, there is nothing to test with.
func TestChinookInvoices(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("../../../shared"); errors.Is(err, fs.ErrNotExist) {
		t.Skip(err)
	}
	data, err := os.ReadFile("../../../shared/data/chinook-invoices.jsonl")
	require.NoError(t, err)
	s := newService(t)
	s.follow(t)
	organisation := s.organisation(t)
	contacts := map[string]string{}
	total, issued, count, last := new(big.Rat), new(big.Rat), 0, ""
	for text := range bytes.Lines(data) {
		var read source
		require.NoError(t, json.Unmarshal(text, &read))
		who := read.Contact
		if contacts[who.Reference] == "" {
			contacts[who.Reference], _ = s.command(t, http.MethodPost, "/accountify/contact", object{
				"organisation_id": organisation, "reference": who.Reference, "first_name": who.FirstName, "last_name": who.LastName, "email": who.Email,
			})
		}
		id, answered := s.command(t, http.MethodPost, "/accountify/invoice", object{
			"organisation_id": organisation, "contact_id": contacts[who.Reference], "currency_code": read.CurrencyCode, "due_date": read.DueDate,
			"drafted_on": "2009-01-01", "line_items": read.LineItems, "reference": read.Reference,
		})
		amount, ok := new(big.Rat).SetString(read.SubTotal.Amount)
		require.True(t, ok)
		total.Add(total, amount)
		if count++; count%3 == 0 { // one in three is issued, for the statement
			issued.Add(issued, amount)
			_, answered = s.command(t, http.MethodPatch, "/accountify/invoice/"+id+"/issue", nil)
		}
		last = answered.Header.Get("Contrail-Position")
	}
	require.Equal(t, 412, count)
	require.Len(t, contacts, 59)
	require.Equal(t, "2328.60", total.FloatString(2))

	read := into[summary](t, s.get(t, "/accountify/organisation/"+organisation+"/summary?at_least="+last))
	sum, invoices := new(big.Rat), int64(0)
	for _, line := range read.Lines {
		require.Equal(t, "USD", line.SubTotal.CurrencyCode)
		amount, ok := new(big.Rat).SetString(line.SubTotal.Amount)
		require.True(t, ok)
		sum.Add(sum, amount)
		invoices += line.Invoices
	}
	require.Equal(t, "2328.60", sum.FloatString(2))
	require.Equal(t, int64(412), invoices)
	require.Equal(t, issued.FloatString(2), read.counts()["issued USD"])
	requireStatement(t, s, "/accountify/organisation/"+organisation+"/statement?limit=100&at_least="+last, issued.FloatString(2), 137)

	ids, pages := s.walk(t, "/accountify/invoice?limit=200&organisation_id="+organisation)
	require.Len(t, ids, 412)
	require.Equal(t, 3, pages)
}

// requireStatement follows the links through a statement, to its last balance.
func requireStatement(t *testing.T, s *service, path, balance string, lines int) {
	t.Helper()
	last := ""
	for path != "" {
		got := s.get(t, path)
		read := into[struct {
			Lines []struct{ Balance struct{ Amount string } }
		}](t, got)
		lines -= len(read.Lines)
		if len(read.Lines) > 0 {
			last = read.Lines[len(read.Lines)-1].Balance.Amount
		}
		path = nextOf(got)
	}
	require.Zero(t, lines)
	require.Equal(t, balance, last)
}
