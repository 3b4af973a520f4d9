package deliveries_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// Browse finds what List does, in the same order, also where it has to look at several stretches, and in whichever direction.
func TestBrowseFindsWhatListDoes(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	b.exec(`ALTER TABLE contrail.deliveries DISABLE TRIGGER ALL`)
	b.exec(`INSERT INTO contrail.delivery_events (consumer, id, position, sequence, stream, type)
		SELECT consumer, gen_random_uuid(), n, n, 'invoice-' || n, CASE WHEN n = 1 THEN 'Rare' ELSE 'InvoiceIssued' END
		FROM unnest(ARRAY['mail', 'sms']) AS consumer, generate_series(1, 6000) AS n`)
	b.exec(`INSERT INTO contrail.deliveries (id, consumer, event, channel, recipient, tenant, state, due_at)
		SELECT gen_random_uuid(), consumer, id, CASE WHEN position % 1000 = 7 THEN 'fax' ELSE 'mail' END, 'contact-' || position % 50, 't-' || position % 3000,
			CASE WHEN position % 500 = 3 THEN 'failed' ELSE 'succeeded' END, NULL FROM contrail.delivery_events`)
	b.exec(`ALTER TABLE contrail.deliveries ENABLE TRIGGER ALL`)
	for name, filter := range map[string]deliveries.Filter{
		"channel": {Channel: "fax"}, "tenant": {Tenant: "t-9"}, "type": {Type: "Rare"}, "nothing": {Type: "Never"}, "consumer": {Consumer: "sms", Channel: "fax"},
		"state": {States: []deliveries.State{deliveries.Failed}}, "standing": {Standings: []deliveries.Standing{deliveries.StandingHeld}},
		"states": {States: []deliveries.State{deliveries.Failed, deliveries.Succeeded}, Tenant: "t-9"}, "recipient": {Recipient: "contact-7", Channel: "fax"},
		"no state": {States: []deliveries.State{deliveries.Failed}, Standings: []deliveries.Standing{deliveries.StandingEnded}}, "nobody": {Consumer: "fax"},
	} {
		for _, filter.OldestFirst = range []bool{false, true} {
			filter.Limit, filter.After = 0, uuid.Nil
			want := listed(t, deliveries.List(t.Context(), b.pool, filter))
			got := []uuid.UUID{}
			for filter.Limit = 5; ; {
				page, err := deliveries.Browse(t.Context(), b.pool, filter)
				require.NoError(t, err)
				for _, record := range page.Records {
					got = append(got, record.ID)
				}
				if filter.After = page.Looked; len(page.Records) == 5 {
					require.Zero(t, page.Looked, "the page is full")
					filter.After = page.Records[4].ID
				}
				if filter.After == uuid.Nil {
					break
				}
			}
			require.Equal(t, want, got, name)
		}
	}
	_, err := deliveries.Browse(t.Context(), b.pool, deliveries.Filter{Limit: -1})
	require.ErrorContains(t, err, "browse deliveries: deliveries.Filter: Limit is -1")
}

func TestBrowseOfNothing(t *testing.T) {
	t.Parallel()
	page, err := deliveries.Browse(t.Context(), pgtest.New(t), deliveries.Filter{States: []deliveries.State{deliveries.Failed}})
	require.NoError(t, err)
	require.Empty(t, page.Records)
	require.Zero(t, page.Looked)
}

// A page of what waits for a person, for somebody who looks at a screen.
func ExampleBrowse() {
	ctx := context.Background()
	pool, _, closeAll := exampleHeld(ctx)
	defer closeAll()
	page := must(deliveries.Browse(ctx, pool, deliveries.Filter{Standings: []deliveries.Standing{deliveries.StandingHeld}, Since: time.Now().Add(-time.Hour), Limit: 50}))
	for _, record := range page.Records {
		fmt.Println(record.Channel, record.Recipient, record.Reason)
	}
	fmt.Println("all of it:", page.Looked == uuid.Nil)
	// Output:
	// mail contact-42 ambiguous
	// all of it: true
}
