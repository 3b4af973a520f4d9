package publisher_test

import (
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
)

// A relay needs no more subjects than any client: those it publishes on, JetStream's own, and an inbox that may have a prefix of its own.
func TestRelayWithNarrowPermissions(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	started := natstest.Start(t, func(options *server.Options) {
		options.Users = []*server.User{{Username: "admin", Password: "x"}, {Username: "relay", Password: "x", Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Allow: []string{"events.>", "$JS.API.>"}},
			Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX_relay.*.*"}},
		}}}
	})
	admin, err := jetstream.New(natstest.Connect(t, started.URL(), nats.UserInfo("admin", "x")))
	require.NoError(t, err)
	js, err := jetstream.New(natstest.Connect(t, started.URL(), nats.UserInfo("relay", "x"), nats.CustomInboxPrefix("_INBOX_relay")))
	require.NoError(t, err)
	insertEvents(t, pool, 50)
	stop := start(t, newRelay(t, pool, js, publisher.Config{AckTimeout: 2 * patience})) // who gets no answers is no further by then
	awaitCaughtUp(t, pool, admin)
	require.NoError(t, stop())
	requireExact(t, pool, admin)
}

// An application's connection is as it was when its relays have ended.
func TestRelayGivesItsSubscriptionsBack(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	_, err := js.AccountInfo(t.Context()) // the connection's own inbox comes to stay
	require.NoError(t, err)
	before := js.Conn().NumSubscriptions()
	for range 3 {
		insertEvents(t, pool, 10)
		relayAll(t, pool, js)
		require.Equal(t, before, js.Conn().NumSubscriptions())
	}
}

// Both formats, all headers that an event can have, and events of many sizes go through one message that is used again: nothing of one is left in
// the next.
func TestRelayKeepsEventsApart(t *testing.T) {
	t.Parallel()
	for _, format := range []publisher.Format{publisher.Structured, publisher.Binary} {
		t.Run(format.String(), func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			js, _ := natstest.JetStream(t)
			_, err := pool.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data, metadata)
				SELECT 'test-1', n, 'Counted', jsonb_build_object('text', repeat('x', n * 7919 % 3000)),
					CASE n % 3 WHEN 0 THEN '{}' WHEN 1 THEN jsonb_build_object('only' || n, n::text)
						ELSE '{"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}'::jsonb END
				FROM generate_series(1, 300) n`)
			require.NoError(t, err)
			stop := start(t, newRelay(t, pool, js, publisher.Config{Format: format, BatchEvents: 70}))
			awaitCaughtUp(t, pool, js)
			require.NoError(t, stop())
			report, err := publisher.Verify(t.Context(), pool, js, publisher.VerifyConfig{})
			require.NoError(t, err)
			require.True(t, report.OK, "%+v", report)
			for n := uint64(1); n <= 300; n++ {
				msg := messageOf(t, js, n)
				require.Equal(t, n%3 == 2, len(msg.Header["traceparent"]) == 1, n)
				only := 0
				for name := range msg.Header {
					if strings.HasPrefix(name, "ce-only") {
						only++
					}
				}
				require.Equal(t, format == publisher.Binary && n%3 == 1, only == 1, n)
			}
		})
	}
}

func messageOf(tb testing.TB, js jetstream.JetStream, sequence uint64) *jetstream.RawStreamMsg {
	tb.Helper()
	stream, err := js.Stream(tb.Context(), "EVENTS")
	require.NoError(tb, err)
	msg, err := stream.GetMsg(tb.Context(), sequence)
	require.NoError(tb, err)
	return msg
}
