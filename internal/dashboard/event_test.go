package dashboard_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/erasure"
)

// eventPage is the JSON form of one event.
type eventPage struct {
	Event struct {
		Position  int64             `json:"position"`
		Stream    string            `json:"stream"`
		Encrypted bool              `json:"encrypted"`
		Metadata  map[string]string `json:"metadata"`
		Data      json.RawMessage   `json:"data"`
		Text      string            `json:"data_text"`
		Bytes     int               `json:"data_bytes"`
	} `json:"event"`
	Related struct {
		Before     *struct{ Position int64 }  `json:"before"`
		After      *struct{ Position int64 }  `json:"after"`
		CausedBy   *struct{ Position int64 }  `json:"caused_by"`
		Effects    []struct{ Position int64 } `json:"effects"`
		Correlated []struct{ Position int64 } `json:"correlated"`
	} `json:"related"`
	Journey journeyPage                    `json:"journey"`
	Unknown []struct{ What, Error string } `json:"unknown"`
}

// event is the page of one, by its id or position.
func (w *world) event(name string) (page eventPage) {
	w.Helper()
	w.json("/events/"+name, &page)
	return page
}

func TestOneEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.append("invoice-1", "Drafted", `{"total": "19.80"}`)
	w.append("order-1", "Placed", `{}`)
	second := w.append("invoice-1", "Issued", `{}`, "causation_id", first.ID.String(), "correlation_id", first.ID.String(), "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	w.append("mail-1", "Sent", `{}`, "causation_id", second.ID.String(), "correlation_id", first.ID.String())
	for _, name := range []string{first.ID.String(), "1"} {
		page := w.event(name)
		require.Equal(t, int64(1), page.Event.Position)
		require.JSONEq(t, `{"total": "19.80"}`, string(page.Event.Data))
		require.Nil(t, page.Related.Before)
		require.Equal(t, int64(3), page.Related.After.Position)
		require.Len(t, page.Related.Effects, 1, "what it has caused has its id for a correlation")
		require.Equal(t, int64(3), page.Related.Effects[0].Position)
		require.Len(t, page.Related.Correlated, 2)
		require.Empty(t, page.Unknown)
	}
	page := w.event(second.ID.String())
	require.Equal(t, int64(1), page.Related.CausedBy.Position)
	require.Equal(t, int64(1), page.Related.Before.Position)
	require.Nil(t, page.Related.After)
	require.Len(t, page.Related.Effects, 1)
	text := w.page("/events/" + second.ID.String())
	require.Contains(t, text, "0af7651916cd43dd8448eb211c80319c", "the trace")
	for _, missing := range []string{"77", "x", "01a203ed-6cd9-7550-add7-1d4f5cf31c88"} {
		require.Equal(t, http.StatusNotFound, w.get("/events/"+missing).StatusCode, missing)
	}
}

// An event about a person shows that it is encrypted, and neither what it says nor its ciphertext.
func TestEncryptedEventIsNotShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	keks, err := erasure.ParseKEKs("2026-11:" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))))
	require.NoError(t, err)
	keys, err := erasure.NewKeyring(keks...)
	require.NoError(t, err)
	store, err := eventstore.New(eventstore.Config{Keys: keys})
	require.NoError(t, err)
	require.NoError(t, pgx.BeginFunc(t.Context(), w.pool, func(tx pgx.Tx) error {
		_, err := store.Append(t.Context(), tx, contrail.NewStreamID("contact", "1"), eventstore.Any,
			contrail.Event{Type: "ContactNamed", Data: map[string]string{"name": "Ada Lovelace"}, DataSubject: "contact-1"})
		return err
	}))
	stored := value[string](w, `SELECT data::text FROM contrail.events`)
	page := w.event("1")
	require.True(t, page.Event.Encrypted)
	require.Empty(t, page.Event.Data)
	require.Positive(t, page.Event.Bytes)
	text := w.page("/events/1")
	require.Contains(t, text, "encrypted")
	for _, secret := range []string{"Lovelace", strings.Trim(stored, `"{}`)} {
		require.NotContains(t, text, secret)
	}
	require.True(t, w.searched("/events").Items[0].Encrypted)
	require.Contains(t, w.page("/events"), "encrypted")
}

// The worst bodies that the store takes are pages all the same, and text.
func TestHostileEventsAreText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const deep = 900
	wide := strings.TrimSuffix(strings.Repeat("1,", 125_000), ",")
	w.append("hostile-1", "Noted", strings.Repeat("[", deep)+wide+strings.Repeat("]", deep))
	w.append("hostile-1", "Noted", `"`+strings.Repeat("<script>", 25_000)+`"`)
	w.append("hostile-1", "Noted", hostileBody(), "tenant_id", hostileTenant)
	for position, least := range []int{320_000, 200_000, 20_000} {
		name := string(rune('1' + position))
		began := time.Now()
		for _, path := range []string{"/events/" + name, "/events/" + name + "?body=all"} {
			text := w.page(path)
			require.NotContains(t, text, "<script>", "but those of the layout, which have a source")
			require.NotContains(t, text, "<b>t")
			require.NotContains(t, text, "\u202e")
			require.Less(t, len(text), 12<<20)
		}
		require.Less(t, time.Since(began), patience)
		page := w.event(name)
		require.Greater(t, page.Event.Bytes, least)
		said := page.Event.Text
		if said == "" {
			said = string(page.Event.Data)
		}
		require.True(t, json.Valid([]byte(said)), "the JSON form has all of it")
		require.Less(t, len(w.get("/events/"+name, accepting("application/json")).body), 24<<20)
	}
	require.NotContains(t, w.page("/events?tenant="+"%3Cb%3Et%3C%2Fb%3E+%E2%80%AE"), "<b>t")
}
