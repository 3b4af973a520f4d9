package doctor_test

import (
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/internal/doctor"
)

func sickSubscribers() []sick {
	return []sick{
		{"dead-letters", doctor.Warning, "2 dead letters wait for a person, 2 of them since an hour ago", func(w *world) {
			w.letters(nil)
			w.forged("deadletters.events.invoice-mail.invoice.InvoiceIssued", "deadletters.foreign.invoice-mail", "deadletters.discarded.invoice-mail")
		}},
		{"dead-letters", doctor.Warning, "keeps dead letters for 1h0m0s", func(w *world) { w.letters(func(config *jetstream.StreamConfig) { config.MaxAge = time.Hour }) }},
		{"dead-letters", doctor.Danger, "stream DEADLETTERS has retention WorkQueue", func(w *world) {
			w.letters(func(config *jetstream.StreamConfig) { config.Retention = jetstream.WorkQueuePolicy })
		}},
		{"dead-letters", doctor.Warning, "is bounded in messages or bytes", func(w *world) { w.letters(func(config *jetstream.StreamConfig) { config.MaxMsgs = 10 }) }},
		{"dead-letters", doctor.Danger, "there is no stream DEADLETTERS, and subscriptions have run", func(w *world) {
			w.has(jetstream.ConsumerConfig{Durable: "ours", Metadata: metadata()})
		}},
		{"inbox", doctor.Warning, "the inbox has some 100 rows", func(w *world) {
			w.config.Limits.InboxRows = 100
			w.exec(`INSERT INTO contrail.inbox (consumer, position) SELECT 'x', n FROM generate_series(1, 100) n`, `ANALYZE contrail.inbox`)
		}},
		{"projections", doctor.Warning, "projection statement is paused", func(w *world) {
			w.exec(`INSERT INTO contrail.projections (name, paused_at) VALUES ('statement', now())`)
		}},
		{"projections", doctor.Warning, "the rebuild of projection statement has failed: no room", func(w *world) {
			w.exec(`INSERT INTO contrail.projections (name) VALUES ('statement')`,
				`INSERT INTO contrail.rebuilds (projection, state, error, finished_at) VALUES ('statement', 'failed', 'no room', now())`)
		}},
		{"projections", doctor.Note, "no process runs projection statement", func(w *world) { w.exec(`INSERT INTO contrail.projections (name) VALUES ('statement')`) }},
		{"deliveries", doctor.Warning, "2 deliveries of invoice-mail are held", func(w *world) { w.delivery("failed", "NULL", 2) }},
		{"deliveries", doctor.OK, "no delivery waits", func(w *world) { w.delivery("failed", "now()", 2) }},
		{"deliveries", doctor.Warning, "1 attempts are under way that nobody completes", func(w *world) {
			w.delivery("dispatched", "NULL", 1)
			w.exec(`ALTER TABLE contrail.delivery_attempts DISABLE TRIGGER USER`,
				`INSERT INTO contrail.delivery_attempts (delivery, number, started_by, lease_until, duplicate_risk, lost, lost_delay)
				SELECT id, 1, 'here', now() - interval '1 hour', false, 'hold', '0 s' FROM contrail.deliveries`)
		}},
		{"runs", doctor.Warning, "1 runs are halted", func(w *world) { w.ran("halted", "failed", "NULL") }},
		{"runs", doctor.Warning, "1 runs have failed since yesterday", func(w *world) { w.ran("failed", "failed", "now()") }},
		{"runs", doctor.OK, "no run waits", func(w *world) { w.ran("failed", "failed", "now() - interval '3 days'") }},
		{"webhooks", doctor.Warning, "(https://example.com/a) is disabled: gone", func(w *world) {
			w.endpoint("a", "disabled")
			w.exec(`UPDATE contrail.webhooks SET reason = 'gone'`)
		}},
		{"webhooks", doctor.Warning, "(https://example.com/b) has failed 7 times in a row", func(w *world) {
			w.endpoint("b", "enabled")
			w.exec(`UPDATE contrail.webhooks SET opened_at = now(), failures = 7`)
		}},
	}
}

// unknowable are checks that can't be made.
func unknowable() []sick {
	return []sick{
		{"database", doctor.Note, "no PostgreSQL is examined", func(w *world) { w.pool = nil }},
		{"lag", doctor.Note, "not examined: there is no database", func(w *world) { w.pool = nil }},
		{"broker", doctor.Note, "no NATS is examined", func(w *world) { w.js = nil }},
		{"window", doctor.Note, "not examined: there is no broker", func(w *world) { w.js = nil }},
		{"storage", doctor.Note, "not examined: there is no stream EVENTS", func(*world) {}},
		{"inbox", doctor.Note, "the schema does not have what is to be looked at", func(w *world) { w.unmigrated() }},
		{"sequence", doctor.Note, "the schema does not have what is to be looked at", func(w *world) { w.unmigrated() }},
		{"lag", doctor.Note, "permission denied", func(w *world) { w.setting("role", w.role("NOLOGIN", "SELECT ON contrail.store")) }},
		{"sync", doctor.Note, "told by its monitoring port alone", func(*world) {}},
		{"sync", doctor.Note, "not examined: ask the monitoring port", func(w *world) { w.config.Monitor = strings.Replace(w.server.URL(), "nats://", "http://", 1) }},
		{"storage", doctor.Note, "not examined: nats: permissions violation", func(w *world) { w.forbidden("$JS.API.STREAM.LIST") }},
		{"broker", doctor.Note, "not examined: nats: permissions violation", func(w *world) { w.forbidden("$JS.API.INFO") }},
		{"broker-disk", doctor.OK, "room for more", func(w *world) { w.broker(w.monitored, func(options *server.Options) { options.SyncAlways = true }) }},
	}
}

// letters is the stream of dead letters, but for a change.
func (w *world) letters(change func(*jetstream.StreamConfig)) {
	w.Helper()
	config := jetstream.StreamConfig{Name: "DEADLETTERS", Subjects: []string{"deadletters.>"}, MaxAge: 30 * 24 * time.Hour}
	if change != nil {
		change(&config)
	}
	w.create(config)
}

// delivery makes some that stand alike.
func (w *world) delivery(state, due string, n int) {
	w.Helper()
	w.exec(`ALTER TABLE contrail.deliveries DISABLE TRIGGER USER`)
	for range n {
		w.exec(`WITH about AS (
				INSERT INTO contrail.delivery_events (consumer, id, position, sequence, stream, type) VALUES ('invoice-mail', gen_random_uuid(), 1, 1, 'a-1', 'B') RETURNING id
			) INSERT INTO contrail.deliveries (id, consumer, event, channel, recipient, state, due_at, attempts)
			SELECT gen_random_uuid(), 'invoice-mail', id, 'mail', 'contact-42', '` + state + `', ` + due + `, 1 FROM about`)
	}
}

// ran is a run that stands somehow.
func (w *world) ran(state, endsAs, ended string) {
	w.Helper()
	w.exec(`INSERT INTO contrail.runs (id, key, args, definition, state, ends_as, due_at, ended_at)
		VALUES (gen_random_uuid(), 'k', '{}', '{a}', '` + state + `', '` + endsAs + `', NULL, ` + ended + `)`)
}

// endpoint is one at example.com.
func (w *world) endpoint(path, state string) {
	w.Helper()
	w.exec(`INSERT INTO contrail.webhooks (id, consumer, url, secret, timeout, max_attempts, state, disabled_at)
		VALUES (gen_random_uuid(), 'webhooks', 'https://example.com/` + path + `', 'whsec_x', '10 s', 8, '` + state + `', CASE '` + state + `' WHEN 'disabled' THEN now() END)`)
}
