package domain_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
	"github.com/contrail-events/contrail/codec/codectest"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/organisation"
	"github.com/contrail-events/contrail/internal/wire"
)

var update = flag.Bool("update", false, "write the golden files that are not there yet")

// goldens is one event of each of the twelve types, as decided from commands.
func goldens(t *testing.T) []contrail.Payload {
	t.Helper()
	at := time.Date(2021, 1, 2, 3, 4, 5, 678901234, time.UTC)
	invoiceLines := []invoice.LineItem{line("Balls to the Wall", "0.99", "USD", 1), line(`<Größe> & "Maß"`, "0.99", "USD", 1)}
	draft := invoice.Draft{
		ID: "i1", OrganisationID: "o1", ContactID: "c1", CurrencyCode: "USD", DueDate: day("2021-01-31"), LineItems: invoiceLines, At: at,
	}
	change := invoice.Update{ContactID: "c2", DueDate: day("2021-02-28"), LineItems: []invoice.LineItem{line("Gift", "0", "USD", 3)}}
	leonie := contact.Details{FirstName: "Leonie", LastName: "Köhler", Email: "leonekohler@surfeu.de"}
	bjorn := contact.Details{FirstName: "Bjørn", LastName: "Hansen", Email: "bjorn.hansen@yahoo.no"}

	payloads := play(t, domain.Organisations(), []organisation.Command{
		organisation.Create{ID: "o1", Name: "Acme"}, organisation.Rename{Name: "Apex & Söhne"}, organisation.Delete{At: at},
	})
	payloads = append(payloads, play(t, domain.Contacts(), []contact.Command{
		contact.Create{ID: "c1", OrganisationID: "o1", Details: leonie}, contact.Update{Details: bjorn}, contact.Delete{At: at},
	})...)
	payloads = append(payloads, play(t, domain.Invoices(), []invoice.Command{
		draft, change, invoice.Issue{At: at}, invoice.Pay{At: at}, invoice.Delete{At: at},
	})...)
	return append(payloads, play(t, domain.Invoices(), []invoice.Command{draft, invoice.Void{}})[1])
}

// play decides one command after the other.
func play[S, C any, E contrail.Payload](t *testing.T, decider domain.Decider[S, C, E], commands []C) (payloads []contrail.Payload) {
	t.Helper()
	var state S
	for _, command := range commands {
		events, err := decider.Decide(state, command)
		require.NoError(t, err)
		for _, event := range events {
			state = decider.Evolve(state, event)
			payloads = append(payloads, event)
		}
	}
	return payloads
}

func category(payload contrail.Payload) string {
	switch payload.(type) {
	case organisation.Event:
		return organisation.Category
	case contact.Event:
		return contact.Category
	}
	return invoice.Category
}

// What is written today is in the files byte by byte, and all that was ever written can be read.
func TestGoldenEvents(t *testing.T) {
	t.Parallel()
	const dir = "testdata/events"
	if *update {
		codectest.Write(t, domain.Codec(), dir, goldens(t)...)
	}
	codectest.Golden(t, domain.Codec(), dir)
	types := map[string]bool{}
	for _, payload := range goldens(t) {
		types[payload.EventType()] = true
		text, err := json.Marshal(payload)
		require.NoError(t, err)
		want, err := os.ReadFile(filepath.Join(dir, payload.EventType()+".v1.json"))
		require.NoError(t, err)
		require.Equal(t, string(want), string(text)+"\n")

		recorded := contrail.Recorded{
			Stream: contrail.NewStreamID(category(payload), "1"), Version: 1, Type: payload.EventType(), Data: want,
			Metadata: contrail.Metadata{contact.KeyOrganisationID: "o1", invoice.KeyDraftedOn: "2021-01-02"},
		}
		decoded, err := domain.Codec().Decode(recorded)
		require.NoError(t, err)
		require.Equal(t, []contrail.Payload{payload}, decoded)
	}
	require.Len(t, types, 12)
}

// What other programs rely on: the bodies have exactly these keys, in this nesting and order, and amounts are texts.
func TestBodiesHaveExactlyTheseKeys(t *testing.T) {
	t.Parallel()
	const draft = "invoice{id,organisation_id,contact_id,status,currency_code,due_date," +
		"line_items[{description,unit_amount_amount(str),unit_amount_currency_code,quantity}],sub_total{amount(str),currency_code}}"
	bodies := map[string]string{
		"OrganisationCreated": "organisation{id,name}",
		"OrganisationUpdated": "organisation{id,name}",
		"OrganisationDeleted": "organisation{id,name,deleted_at}",
		"ContactCreated":      "contact{id,first_name,last_name,email}",
		"ContactUpdated":      "contact{id,first_name,last_name,email}",
		"ContactDeleted":      "contact{id,deleted_at}",
		"InvoiceDrafted":      draft,
		"InvoiceUpdated":      draft,
		"InvoiceIssued":       "invoice{id,status,issued_at,organisation_id}",
		"InvoicePaid":         "invoice{id,status,paid_at,organisation_id}",
		"InvoiceVoided":       "invoice{id,status,organisation_id}",
		"InvoiceDeleted":      "invoice{id,organisation_id,deleted_at}",
	}
	found := map[string]string{}
	for _, payload := range goldens(t) {
		text, err := json.Marshal(payload)
		require.NoError(t, err)
		found[payload.EventType()] = shape(t, text)
	}
	require.Equal(t, bodies, found)
}

// shape writes {"a":{"b":[{"amount":"1"}]}} as a{b[{amount(str)}]}. The elements of an array must be of one shape.
func shape(t *testing.T, text []byte) string {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	whole := shapeOf(t, decoder, "")
	return strings.TrimSuffix(strings.TrimPrefix(whole, "{"), "}")
}

func shapeOf(t *testing.T, decoder *json.Decoder, key string) string {
	t.Helper()
	token, err := decoder.Token()
	require.NoError(t, err)
	switch token {
	case json.Delim('{'):
		var members []string
		for decoder.More() {
			name, err := decoder.Token()
			require.NoError(t, err)
			members = append(members, fmt.Sprint(name)+shapeOf(t, decoder, fmt.Sprint(name)))
		}
		_, err = decoder.Token()
		require.NoError(t, err)
		return "{" + strings.Join(members, ",") + "}"
	case json.Delim('['):
		var elements []string
		for decoder.More() {
			elements = append(elements, shapeOf(t, decoder, ""))
		}
		_, err = decoder.Token()
		require.NoError(t, err)
		return "[" + strings.Join(slices.Compact(elements), "|") + "]"
	}
	if _, isText := token.(string); isText && strings.HasSuffix(key, "amount") {
		return "(str)"
	}
	return ""
}

// Whoever writes events by SQL may leave the metadata out.
func TestEventsWithoutMetadataAreRead(t *testing.T) {
	t.Parallel()
	for _, payload := range goldens(t) {
		data, err := json.Marshal(payload)
		require.NoError(t, err)
		stream := contrail.NewStreamID(category(payload), "1")
		decoded, err := domain.Codec().Decode(contrail.Recorded{Stream: stream, Version: 1, Type: payload.EventType(), Data: data})
		require.NoError(t, err)
		switch want := payload.(type) {
		case contact.Created:
			want.OrganisationID = ""
			payload = want
		case invoice.Drafted:
			want.DraftedOn = invoice.Date{}
			payload = want
		}
		require.Equal(t, []contrail.Payload{payload}, decoded)
	}
}

// A subscriber reads what the store holds.
func TestEventsSurviveTheWire(t *testing.T) {
	t.Parallel()
	for _, payload := range goldens(t) {
		event, err := domain.Codec().Encode(payload)
		require.NoError(t, err)
		data, err := json.Marshal(payload)
		require.NoError(t, err)
		recorded := contrail.Recorded{
			Position: 1, ID: uuid.New(), Stream: contrail.NewStreamID(category(payload), "1"), Version: 1, Type: event.Type,
			Data: data, Metadata: event.Metadata, RecordedAt: time.Date(2021, 1, 2, 3, 4, 5, 0, time.UTC),
		}
		message, err := wire.Decode(wire.Append(nil, "/contrail/test", recorded))
		require.NoError(t, err)
		decoded, err := domain.Codec().Decode(message.Recorded)
		require.NoError(t, err)
		require.Equal(t, []contrail.Payload{payload}, decoded)
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	recorded := contrail.Recorded{Stream: contrail.NewStreamID("invoice", "1"), Version: 7, Type: "SomethingElse", Data: []byte(`{}`)}
	_, err := domain.Organisations().Apply(domain.Aggregate[organisation.State]{}, recorded)
	requireUnknown(t, recorded, err)
	_, err = domain.Contacts().Apply(domain.Aggregate[contact.State]{}, recorded)
	requireUnknown(t, recorded, err)
	_, err = domain.Invoices().Apply(domain.Aggregate[invoice.State]{}, recorded)
	requireUnknown(t, recorded, err)
	for _, payload := range goldens(t) {
		stream := contrail.NewStreamID(category(payload), "1")
		_, err := domain.Codec().Decode(contrail.Recorded{Stream: stream, Version: 7, Type: payload.EventType(), Data: []byte(`[]`)})
		require.ErrorContains(t, err, "decode "+stream.String()+" version 7, "+payload.EventType())
	}
	_, err = domain.Codec().Decode(contrail.Recorded{
		Type: "InvoiceDrafted", Data: []byte(`{"invoice":{"sub_total":{"amount":"1","currency_code":"USD"}}}`),
		Metadata: contrail.Metadata{invoice.KeyDraftedOn: "yesterday"},
	})
	require.ErrorIs(t, err, invoice.ErrDate)
}

func requireUnknown(t *testing.T, recorded contrail.Recorded, err error) {
	t.Helper()
	var unknown *codec.UnknownTypeError
	require.ErrorAs(t, err, &unknown)
	require.Equal(t, codec.UnknownTypeError{Stream: recorded.Stream, Version: 7, Type: "SomethingElse"}, *unknown)
}

// An aggregate goes on when what a person once said is erased.
func TestErasedEventsAreFolded(t *testing.T) {
	t.Parallel()
	f := newFixture(t, domain.Config{})
	organisationID := f.organisation(t, alice)
	id := f.contact(t, alice, organisationID)
	stream := contrail.NewStreamID(contact.Category, id)
	f.memory.streams[stream.String()][0].Data = json.RawMessage("null")
	f.memory.streams[stream.String()][0].Erased = true
	found, err := f.contacts.Find(t.Context(), alice, id)
	require.NoError(t, err)
	require.Equal(t, contact.State{ID: id, OrganisationID: organisationID}, found.State)
}
