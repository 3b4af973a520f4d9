package main

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// The flags take every state, and every way to handle what is ambiguous.
func TestDeliveriesFlagsKnowAll(t *testing.T) {
	t.Parallel()
	tag := func(of reflect.Type, name string) string {
		field, _ := of.FieldByName(name)
		return field.Tag.Get("enum")
	}
	require.Equal(t, strings.Join(flagValues(deliveries.States()), ","), tag(reflect.TypeFor[deliveriesFilter](), "State"))
	handlings := []deliveries.Handling{"agreed", deliveries.Hold, deliveries.Resend}
	require.Equal(t, strings.Join(flagValues(handlings), ","), tag(reflect.TypeFor[deliveriesRecoverVerb](), "Ambiguous"))
}

func flagValues[T ~string](all []T) []string {
	var texts []string
	for _, one := range all {
		texts = append(texts, string(one))
	}
	return texts
}

// What changes after the question is not meant by the answer, nor is what comes.
func TestDeliveriesAreThoseThatWereAskedAbout(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	plan := func() uuid.UUID {
		id := uuid.Must(uuid.NewV7())
		_, err := pool.Exec(t.Context(), `SELECT contrail.delivery_plan(ROW('invoice-mail', gen_random_uuid(), 1, 1, 'invoice-42', 'InvoiceIssued', '', '{}')::contrail.delivery_events,
			ARRAY[$1::uuid], '{mail}', '{contact-42}', '{""}', '{pending}', '{not_before}', ARRAY[now() + interval '1 hour'], 'host-1/4711')`, id)
		require.NoError(t, err)
		return id
	}
	first, second := plan(), plan()
	var told bytes.Buffer
	change := deliveriesChange{
		word: "cancel", asks: "cancelled", do: deliveries.Cancel, order: deliveries.Order{By: "ada@ops", Because: "paid by phone"},
		usual: deliveries.Filter{States: []deliveries.State{deliveries.Pending}},
		answer: slowAnswer{func() {
			_, err := deliveries.Redrive(t.Context(), pool, first, deliveries.Order{By: "bob@ops", Because: "they wait for it"})
			require.NoError(t, err)
			plan()
		}, strings.NewReader("cancel\n")},
	}
	which, err := deliveriesChoice{}.selection(t.Context(), &app{verb: "deliveries cancel", stderr: &told}, pool, deliveries.Filter{}, change)
	require.NoError(t, err)
	require.Contains(t, told.String(), "2 deliveries of 1 consumer will be cancelled")
	texts := map[uuid.UUID]string{}
	for told, err := range change.decide(t.Context(), pool, which) {
		require.NoError(t, err)
		texts[told.ID] = told.Text
	}
	require.Equal(t, map[uuid.UUID]string{first: "has changed meanwhile: it is pending now", second: "is cancelled"}, texts)
}
