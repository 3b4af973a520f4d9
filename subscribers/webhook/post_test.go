package webhook_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers/webhook"
)

func readFull(request *http.Request, body []byte) (int, error) {
	return io.ReadFull(request.Body, body)
}

func TestPostsEventsSignedAsTheyAre(t *testing.T) {
	t.Parallel()
	w, to := newWorld(t), newReceiver(t)
	endpoint := w.add(to, webhook.Endpoint{})
	w.run(quick())
	event := w.send(w.event("invoice-1", "InvoiceIssued", contrail.Metadata{contrail.KeyUserID: "ada", contrail.KeyTenantID: "acme"}))

	eventually(t, func() bool { return len(to.events()) == 1 })
	got := to.got(0)[0]
	require.Equal(t, string(wire.Append(nil, source, event)), got.body)
	eventually(t, func() bool { return w.standing(endpoint.ID)["succeeded"] == 1 })
	require.Equal(t, 1, w.count(`SELECT count(*) FROM contrail.deliveries WHERE id = $1 AND tenant = 'acme' AND channel = 'webhook'`, uuid.MustParse(got.id)))
	eventually(t, func() bool { return w.get(endpoint.ID).LastSuccessAt != nil })
	require.NotEmpty(t, w.get(endpoint.ID).HeldBy)
	w.requireSound()
}

func TestEndpointsGetWhatTheyWantAndNothingOfOtherTenants(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	endpoints := map[string]webhook.Endpoint{
		"all":     {},
		"types":   {Types: []string{"InvoiceIssued", "InvoicePaid"}},
		"streams": {Categories: []string{"contact"}},
		"acme":    {Tenant: "acme"},
		"globex":  {Tenant: "globex", Types: []string{"InvoiceIssued"}},
	}
	receivers := map[string]*receiver{}
	for name, endpoint := range endpoints {
		receivers[name] = newReceiver(t)
		w.add(receivers[name], endpoint)
	}
	w.run(quick())
	send := func(stream, eventType, tenant string) uuid.UUID {
		metadata := contrail.Metadata{}
		if tenant != "" {
			metadata[contrail.KeyTenantID] = tenant
		}
		return w.send(w.event(stream, eventType, metadata)).ID
	}
	issued := send("invoice-1", "InvoiceIssued", "acme")
	drafted := send("invoice-2", "InvoiceDrafted", "acme")
	contact := send("contact-1", "ContactAdded", "globex")
	paid := send("invoice-1", "InvoicePaid", "")
	others := send("invoice-3", "InvoiceIssued", "globex")

	for name, want := range map[string][]uuid.UUID{
		"all":     {issued, drafted, contact, paid, others},
		"types":   {issued, paid, others},
		"streams": {contact},
		"acme":    {issued, drafted},
		"globex":  {others},
	} {
		eventually(t, func() bool { return len(receivers[name].events()) >= len(want) })
		require.ElementsMatch(t, want, receivers[name].events(), name)
	}
	require.Equal(t, 12, w.count(`SELECT count(*) FROM contrail.deliveries`))
}

func TestAnEndpointGetsWhatIsAppendedAfterItWasAdded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(quick())
	busy := newReceiver(t)
	w.add(busy, webhook.Endpoint{Concurrency: 8})
	for range 30 {
		for range 20 {
			w.publish("invoice-"+uuid.NewString(), "InvoiceDrafted")
		}
		to := newReceiver(t)
		w.add(to, webhook.Endpoint{Types: []string{"InvoiceIssued"}})
		event := w.publish("invoice-1", "InvoiceIssued")
		eventually(t, func() bool { return len(to.events()) > 0 })
		require.Equal(t, event.ID, to.events()[0])
	}
	eventually(t, func() bool { return len(busy.events()) == 30*21 })
}
