package mail_test

import (
	"context"
	"io"
	"mime"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// classOf is what the ledger makes of an error; "": the mail is sent.
func classOf(t *testing.T, sent error) string {
	t.Helper()
	pool := pgtest.New(t)
	ledger, err := deliveries.New(pool, deliveries.Config{Consumer: "mails"})
	require.NoError(t, err)
	event := deliveries.Event{Source: "/test", Recorded: contrail.Recorded{
		ID: uuid.New(), Position: 1, Stream: contrail.NewStreamID("invoice", "1"), Version: 1, Type: "InvoiceIssued", Data: []byte("{}"), RecordedAt: time.Now(),
	}}
	require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		return ledger.Plan(t.Context(), tx, event, deliveries.Target{Channel: "mail", Recipient: "contact-1", Lane: "test"})
	}))
	due, err := ledger.Next(t.Context(), "test", 0, 1)
	require.NoError(t, err)
	require.Len(t, due, 1)
	result, err := ledger.Attempt(t.Context(), due[0], deliveries.AdapterFunc(func(context.Context, deliveries.Delivery) (deliveries.Receipt, error) {
		return deliveries.Receipt{}, sent
	}), deliveries.Policy{})
	require.NoError(t, err)
	if result.Outcome == deliveries.OutcomeAmbiguous {
		return "ambiguous"
	}
	return string(result.Class)
}

func decoded(t *testing.T, header string) string {
	t.Helper()
	text, err := new(mime.WordDecoder).DecodeHeader(header)
	require.NoError(t, err)
	return text
}

func body(t *testing.T, read *netmail.Message) string {
	t.Helper()
	require.Equal(t, "quoted-printable", read.Header.Get("Content-Transfer-Encoding"))
	text, err := io.ReadAll(quotedprintable.NewReader(read.Body))
	require.NoError(t, err)
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}
