package doctor_test

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/internal/doctor"
	"github.com/contrail-events/contrail/publisher"
)

func sickRelays() []sick {
	return []sick{
		{"relays", doctor.Danger, "no relay runs", func(*world) {}},
		{"relays", doctor.Danger, "none of 1 relays leads", func(w *world) { w.told("here:1", "0", `{}`) }},
		{"relays", doctor.Warning, "no relay stands by", func(w *world) { w.relay(publisher.Config{Identity: "here:1"}) }},
		{"relays", doctor.Danger, "relay here:1 leads and sends no heartbeat", func(w *world) {
			w.told("here:1", "1 hour", `{}`)
			w.leads("here:1")
		}},
		{"relays", doctor.Warning, "relay here:1 leads and is not on the list", func(w *world) { w.leads("here:1") }},
		{"relays", doctor.Note, "relay here:2 was last heard of", func(w *world) { w.told("here:2", "1 hour", `{}`) }},
		{"relays", doctor.Danger, "relay here:1 leads and can't reach the broker", func(w *world) {
			w.told("here:1", "0", `{}`)
			w.exec(`UPDATE contrail.relay_processes SET state = 'leading', broker_rtt = 0, started_at = beat_at - interval '1 hour'`)
			w.leads("here:1")
		}},
		{"relay-settings", doctor.Warning, "relays differ in fence: last-sequence (here:1), msg-id (here:2)", func(w *world) {
			w.told("here:1", "0", `{"fence":"last-sequence"}`)
			w.told("here:2", "0", `{"fence":"msg-id"}`)
		}},
		{"relay-settings", doctor.Warning, "relays of different versions run: none (here:1), v2 (here:2)", func(w *world) {
			w.told("here:1", "0", `{}`)
			w.told("here:2", "0", `{}`)
			w.exec(`UPDATE contrail.relay_processes SET version = 'v2' WHERE identity = 'here:2'`)
		}},
		{"relay-settings", doctor.Note, "relay here:1 publishes to billing.>", func(w *world) { w.told("here:1", "0", `{"prefix":"billing"}`) }},
		{"paused", doctor.Warning, "by ada: the disk is full", func(w *world) {
			w.exec(`INSERT INTO contrail.relays (stream, paused_at, paused_by, paused_because) VALUES ('EVENTS', now(), 'ada', 'the disk is full')`)
		}},
		{"parked", doctor.Warning, "1 events are left out of the stream, and 1 are held", func(w *world) {
			w.exec(`INSERT INTO contrail.parked (relay, position, stream, state, reason) VALUES ('EVENTS', 1, 'a-1', 'parked', 'refused'), ('EVENTS', 2, 'a-1', 'held', 'held')`)
		}},
		{"fence", doctor.Note, "the fence is msg-id", func(w *world) { w.told("here:1", "0", `{"fence":"msg-id"}`) }},
		{"window", doctor.Danger, "the duplicate window is 5s, and two relays can believe that they lead for 12s", func(w *world) { w.window(5 * time.Second) }},
		{"window", doctor.Warning, "the duplicate window is 20s", func(w *world) { w.window(20 * time.Second) }},
		{"window", doctor.OK, "the duplicate window is 30s", func(w *world) { w.window(30 * time.Second) }},
	}
}

// window is the duplicate window of a stream that relays share with others.
func (w *world) window(window time.Duration) {
	w.Helper()
	w.stream(func(config *jetstream.StreamConfig) { config.Duplicates = window })
	w.told("here:1", "0", `{"fence":"msg-id","ack_timeout":"5s","retry_max":"5s","wake":"safety read is 5s"}`)
}
