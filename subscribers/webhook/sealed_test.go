package webhook_test

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers/webhook"
)

// keys open what is sealed, until the person is erased.
type keys struct{ erased atomic.Bool }

func (k *keys) Open(_ context.Context, events []contrail.Recorded) error {
	for i := range events {
		events[i].Sealed, events[i].Data = false, []byte(`{"name":"Ada"}`)
		if k.erased.Load() {
			events[i].Erased, events[i].Data = true, []byte("null")
		}
	}
	return nil
}

func TestEncryptedEventsAreOpenedAtEachAttemptAndKeptNowhere(t *testing.T) {
	t.Parallel()
	w, to, opener := newWorld(t), newReceiver(t), &keys{}
	endpoint := w.add(to, webhook.Endpoint{})
	config := quick()
	config.Subscription.Keys = opener
	w.run(config)
	sealed := func() {
		event := w.event("contact-1", "ContactAdded", contrail.Metadata{contrail.KeySealedWith: uuid.NewString()})
		event.Data = []byte(`"c2VhbGVk"`)
		w.send(event)
	}
	sealed()
	eventually(t, func() bool { return len(to.events()) == 1 })
	got := to.got(0)[0].body
	require.Contains(t, got, `"data":{"name":"Ada"}`)
	require.NotContains(t, got, "keyid")
	require.Zero(t, w.count(`SELECT count(*) FROM contrail.delivery_events WHERE body IS NOT NULL`))

	opener.erased.Store(true)
	sealed()
	eventually(t, func() bool { return w.standing(endpoint.ID)["suppressed erased"] == 1 })
	require.Len(t, to.got(0), 1)
	require.False(t, bytes.Contains([]byte(got), []byte("c2VhbGVk")))
}
