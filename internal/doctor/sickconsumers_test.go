package doctor_test

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/doctor"
)

func sickConsumers() []sick {
	return []sick{
		{"acknowledgement", doctor.Warning, "consumer other acknowledges by policy AckNone", func(w *world) { w.has(jetstream.ConsumerConfig{Durable: "other", AckPolicy: jetstream.AckNonePolicy}) }},
		{"acknowledgement", doctor.Danger, "consumer ours acknowledges by policy AckAll", func(w *world) {
			w.has(jetstream.ConsumerConfig{Durable: "ours", AckPolicy: jetstream.AckAllPolicy, Metadata: metadata()})
		}},
		{"max-deliver", doctor.Danger, "consumer ours delivers without end", func(w *world) { w.has(jetstream.ConsumerConfig{Durable: "ours", MaxDeliver: -1, Metadata: metadata()}) }},
		{"max-deliver", doctor.Warning, "consumer other delivers without end", func(w *world) { w.has(jetstream.ConsumerConfig{Durable: "other", MaxDeliver: -1}) }},
		{"max-deliver", doctor.Warning, "consumer other gives an event up after 5 deliveries", func(w *world) { w.has(jetstream.ConsumerConfig{Durable: "other", MaxDeliver: 5}) }},
		{"max-deliver", doctor.OK, "end as dead letters, of 1", func(w *world) { w.has(jetstream.ConsumerConfig{Durable: "ours", MaxDeliver: 8, Metadata: metadata()}) }},
		{"backoff", doctor.Danger, "consumer ours has BackOff", func(w *world) {
			w.has(jetstream.ConsumerConfig{Durable: "ours", MaxDeliver: 8, BackOff: []time.Duration{time.Second}, Metadata: metadata()})
		}},
		{"backoff", doctor.Warning, "consumer other has BackOff", func(w *world) {
			w.has(jetstream.ConsumerConfig{Durable: "other", MaxDeliver: 8, BackOff: []time.Duration{time.Second}})
		}},
		{"advisories", doctor.Danger, "no stream takes $JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES of consumer ours", func(w *world) {
			w.has(jetstream.ConsumerConfig{Durable: "ours", Metadata: metadata()})
		}},
		{"advisories", doctor.Warning, "stream CONTRAIL_ADVISORIES keeps the broker's advisories for 1h0m0s", func(w *world) {
			w.has(jetstream.ConsumerConfig{Durable: "ours", Metadata: metadata()})
			w.create(jetstream.StreamConfig{Name: "CONTRAIL_ADVISORIES", Subjects: []string{"$JS.EVENT.ADVISORY.CONSUMER.>"}, MaxAge: time.Hour})
		}},
		{"idle-consumers", doctor.Warning, "nobody asks for the 2 events that wait for consumer other", func(w *world) {
			w.config.Limits.Idle = 1
			w.has(jetstream.ConsumerConfig{Durable: "other"})
			w.forged("events.a.1.B", "events.a.2.B")
		}},
		{"idle-consumers", doctor.Note, "consumer other is paused", func(w *world) {
			later := time.Now().Add(time.Hour)
			w.has(jetstream.ConsumerConfig{Durable: "other", PauseUntil: &later})
		}},
		{"consumer-lag", doctor.Danger, "the first of 1 events that consumer other has not settled waits", func(w *world) {
			w.config.Limits.Behind = 1
			w.has(jetstream.ConsumerConfig{Durable: "other", FilterSubjects: []string{"events.b.>", "events.c.>"}})
			w.forged("events.a.1.B", "events.b.1.B")
		}},
		{"consumer-lag", doctor.OK, "no event waits long", func(w *world) {
			w.config.Limits.Behind = 1
			w.has(jetstream.ConsumerConfig{Durable: "other", FilterSubject: "events.c.>"})
			w.forged("events.a.1.B", "events.b.1.B")
		}},
		{"max-deliver", doctor.Danger, "consumer divided, partition p-0 delivers without end", func(w *world) { w.unbounded() }},
	}
}

// has is a stream with a consumer.
func (w *world) has(config jetstream.ConsumerConfig) {
	w.Helper()
	w.stream(nil)
	w.consumer(config)
}

// unbounded is a subscription with partitions, of which somebody has changed one at the broker.
func (w *world) unbounded() {
	w.Helper()
	w.stream(nil)
	of := metadata()
	of["contrail-durable"], of["contrail-partitions"] = "divided", "1"
	w.create(jetstream.StreamConfig{Name: "EVENTS_divided", Metadata: of, Sources: []*jetstream.StreamSource{{Name: "EVENTS"}}})
	_, err := w.js.CreateConsumer(w.Context(), "EVENTS_divided", jetstream.ConsumerConfig{Durable: "p-0", MaxDeliver: -1})
	require.NoError(w, err)
}
