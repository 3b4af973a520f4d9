package doctor_test

import (
	"context"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/doctor"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/publisher"
)

func sickStreams() []sick {
	return []sick{
		{"stream", doctor.Danger, "lets messages be deleted", func(w *world) { w.stream(func(config *jetstream.StreamConfig) { config.DenyDelete = false }) }},
		{"stream", doctor.Danger, "acknowledges nothing", func(w *world) { w.stream(func(config *jetstream.StreamConfig) { config.NoAck = true }) }},
		{"stream", doctor.Danger, "is gone: it had 500 messages", func(w *world) { w.recorded() }},
		{"stream", doctor.Note, "there is no stream EVENTS yet", func(*world) {}},
		{"subjects", doctor.Danger, "takes [events.> others.>], more than events.>", func(w *world) {
			w.stream(func(config *jetstream.StreamConfig) { config.Subjects = []string{"events.>", "others.>"} })
		}},
		{"subjects", doctor.Danger, "takes [events.invoice.>], and not all of events.>", func(w *world) {
			w.stream(func(config *jetstream.StreamConfig) { config.Subjects = []string{"events.invoice.>"} })
		}},
		{"subjects", doctor.Danger, "stream ORDERS takes [events.order.>]", func(w *world) {
			w.create(jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"events.order.>"}})
		}},
		{"subjects", doctor.OK, "no other stream takes", func(w *world) {
			w.config.Fence = publisher.MsgID
			w.stream(func(config *jetstream.StreamConfig) { config.Subjects = []string{"events.>", "others.>"} })
		}},
		{"storage", doctor.Danger, "stream EVENTS is stored in memory", func(w *world) {
			w.stream(func(config *jetstream.StreamConfig) { config.Storage = jetstream.MemoryStorage })
		}},
		{"storage", doctor.Danger, "stream EVENTS is acknowledged before it is stored", func(w *world) {
			w.stream(func(config *jetstream.StreamConfig) { config.PersistMode = jetstream.AsyncPersistMode })
		}},
		{"storage", doctor.Danger, "stream DEADLETTERS is stored in memory", func(w *world) {
			w.create(jetstream.StreamConfig{Name: "DEADLETTERS", Subjects: []string{"deadletters.>"}, Storage: jetstream.MemoryStorage})
		}},
		{"retention", doctor.Danger, "keeps events for 1h0m0s", func(w *world) { w.stream(func(config *jetstream.StreamConfig) { config.MaxAge = time.Hour }) }},
		{"retention", doctor.Danger, "has retention WorkQueue", func(w *world) {
			w.stream(func(config *jetstream.StreamConfig) { config.Retention = jetstream.WorkQueuePolicy })
		}},
		{"retention", doctor.Danger, "keeps 1 events of a subject", func(w *world) { w.stream(func(config *jetstream.StreamConfig) { config.MaxMsgsPerSubject = 1 }) }},
		{"retention", doctor.Danger, "begins at message 5, and consumer slow has settled those up to 1", func(w *world) { w.dropped() }},
		{"discard", doctor.Danger, "refuses what is new", func(w *world) {
			w.stream(func(config *jetstream.StreamConfig) { config.Discard = jetstream.DiscardNew })
		}},
		{"writers", doctor.Danger, "message 1 of stream EVENTS, on events.order.1.OrderPlaced, is not of this store", func(w *world) {
			w.stream(nil)
			w.forged("events.order.1.OrderPlaced")
		}},
		{"writers", doctor.Danger, "stream EVENTS ends at message 0, and the relay had recorded 500", func(w *world) {
			w.stream(nil)
			w.recorded()
		}},
		{"writers", doctor.Danger, "the store has given none above 1", func(w *world) { w.setBack() }},
		{"replicas", doctor.Warning, "stream EVENTS has 1 replicas in a cluster", func(w *world) {
			cluster := natstest.Cluster(w.T, 3)
			w.js = cluster.JetStream(w.T)
			w.stream(nil)
			cluster.Await("EVENTS")
		}},
		{"replicas", doctor.Warning, "stream DEADLETTERS has 1 replicas, the events have 3", func(w *world) {
			cluster := natstest.Cluster(w.T, 3)
			w.js = cluster.JetStream(w.T)
			w.stream(func(config *jetstream.StreamConfig) { config.Replicas = 3 })
			w.create(jetstream.StreamConfig{Name: "DEADLETTERS", Subjects: []string{"deadletters.>"}})
			cluster.Await("EVENTS")
			cluster.Await("DEADLETTERS")
		}},
		{"replicas", doctor.Warning, "replicas of stream EVENTS are gone or behind", func(w *world) { w.oneGone() }},
	}
}

// dropped is a stream that keeps two messages, and a consumer that has settled one of six.
func (w *world) dropped() {
	w.Helper()
	w.stream(func(config *jetstream.StreamConfig) { config.MaxMsgs = 2 })
	consumer := w.consumer(jetstream.ConsumerConfig{Durable: "slow", AckPolicy: jetstream.AckExplicitPolicy})
	w.forged("events.a.1.B")
	message, err := consumer.Next()
	require.NoError(w, err)
	require.NoError(w, message.DoubleAck(w.Context()))
	w.forged("events.a.2.B", "events.a.3.B", "events.a.4.B", "events.a.5.B", "events.a.6.B")
}

// oneGone is a cluster in which a server has died that has a replica.
func (w *world) oneGone() {
	w.Helper()
	cluster := natstest.Cluster(w.T, 3)
	w.js = cluster.JetStream(w.T)
	w.stream(func(config *jetstream.StreamConfig) { config.Replicas = 3 })
	gone := (cluster.Await("EVENTS") + 1) % 3
	if gone == cluster.ConnectedTo(w.js.Conn()) { // which takes a while to find another
		gone = (gone + 1) % 3
	}
	cluster.Kill(gone)
	require.Eventually(w, func() bool {
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		stream, err := w.js.Stream(ctx, "EVENTS")
		return err == nil && slices.ContainsFunc(stream.CachedInfo().Cluster.Replicas, func(peer *jetstream.PeerInfo) bool { return peer.Offline || !peer.Current })
	}, 2*patience, 50*time.Millisecond)
}

// recorded has the relay have written five hundred messages.
func (w *world) recorded() {
	w.Helper()
	w.exec(`INSERT INTO contrail.relays (stream, position, sequence) VALUES ('EVENTS', 500, 500)`)
}

// setBack is a database from before the last event of the stream.
func (w *world) setBack() {
	w.Helper()
	w.exec(insertEvent, insertEvent)
	stop := w.relay(publisher.Config{Identity: "here:1"})
	require.Eventually(w, func() bool {
		status, err := publisher.ReadStatus(w.Context(), w.pool, w.js, "EVENTS")
		return err == nil && status.LagEvents == 0
	}, patience, 10*time.Millisecond)
	stop()
	w.exec(`SELECT setval('contrail.events_position_seq', 1)`)
}
