package codec_test

import (
	"encoding/json"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
)

// invoiceEvent is what an aggregate declares for its events.
type invoiceEvent interface {
	contrail.Payload
	isInvoiceEvent()
}

type drafted struct {
	ID       string `json:"id"`
	Currency string `json:"currency"`
	Day      string `json:"-"` // travels in the metadata
}

func (drafted) EventType() string { return "InvoiceDrafted" }
func (drafted) isInvoiceEvent()   {}

func (d drafted) EventMetadata() contrail.Metadata { return contrail.Metadata{"day": d.Day} }

func (d drafted) WithEventMetadata(metadata contrail.Metadata) (drafted, error) {
	if metadata["day"] == "never" {
		return drafted{Day: "half way"}, errNoDay
	}
	d.Day = metadata["day"]
	return d, nil
}

var errNoDay = errors.New("is no day")

type issued struct {
	ID    string `json:"id"`
	Due   string `json:"due"`
	Total int    `json:"total"`
}

func (issued) EventType() string { return "InvoiceIssued" }
func (issued) isInvoiceEvent()   {}

type issuedV2 struct {
	ID    string `json:"id"`
	Due   string `json:"due"`
	Total string `json:"total"`
}

func toIssued(old issuedV2) (issued, error) {
	total, err := strconv.Atoi(old.Total)
	return issued{old.ID, old.Due, total}, err
}

// draftedAndIssued is an event type of former years.
type draftedAndIssued struct {
	ID     string
	Total  string
	Issued bool
	day    string
}

func (d draftedAndIssued) WithEventMetadata(metadata contrail.Metadata) (draftedAndIssued, error) {
	d.day = metadata["old_day"]
	return d, nil
}

type renamed struct{ Name string }

func (renamed) EventType() string { return "ContactRenamed" }

// ledger is a registry with a bit of everything.
func ledger() []codec.Registration {
	return []codec.Registration{
		codec.Type[drafted](),
		codec.Type[issued](codec.Schema(3)),
		codec.Type[renamed](),
		codec.Upcast("InvoiceIssued", 1, codec.Fill("due", "2021-01-31")),
		codec.Upcast("InvoiceIssued", 2, codec.Convert(toIssued)),
		codec.Upcast("InvoiceApproved", 1),
		codec.Upcast("InvoiceApproved", 2, codec.RenameField("sum", "total"), codec.Rename("InvoiceIssued", 1)),
		codec.Upcast("InvoiceDraftedAndIssued", 1, codec.Split(
			codec.Into("InvoiceDrafted", 1, func(old draftedAndIssued) (drafted, error) {
				return drafted{ID: old.ID, Currency: "EUR", Day: old.day}, nil
			}),
			codec.Into("InvoiceApproved", 2, func(old draftedAndIssued) (map[string]any, error) {
				if !old.Issued {
					return nil, codec.ErrOmit
				}
				return map[string]any{"id": old.ID, "sum": old.Total}, nil
			}),
		)),
		codec.Upcast("InvoiceViewed", 1, codec.Drop()),
	}
}

func stored(eventType string, schema int, data string) contrail.Recorded {
	recorded := contrail.Recorded{
		Position: 7, ID: uuid.MustParse("0192aaaa-0000-7000-8000-000000000000"), Stream: contrail.NewStreamID("invoice", "42"), Version: 3,
		Type: eventType, Data: json.RawMessage(data), Metadata: contrail.Metadata{"user_id": "alice"}, RecordedAt: time.Unix(1600000000, 0).UTC(),
	}
	if schema > 1 {
		recorded.Metadata[contrail.KeySchemaVersion] = strconv.Itoa(schema)
	}
	return recorded
}

func newCodec(tb testing.TB, registrations ...codec.Registration) *codec.Codec {
	tb.Helper()
	c, err := codec.New(registrations...)
	require.NoError(tb, err)
	return c
}
