package picture_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/picture"
)

// bad is a state of the world, and what is said of it.
type bad struct {
	severity picture.Severity
	what     string // a part of it
	where    string // the beginning
	make     func(w *world)
}

func badRelays() []bad {
	return []bad{
		{picture.Danger, "no relay runs for stream EVENTS", "/relays", func(*world) {}},
		{picture.Danger, "none of the 1 relays of stream EVENTS leads", "/relays", func(w *world) { w.told("here:1", "standby", "1 s") }},
		{picture.Danger, "relay here:1 leads stream EVENTS and sends no heartbeat", "/relays", func(w *world) { w.leads("here:1") }},
		{picture.Warning, "relay here:2 of stream EVENTS was last heard of 1m", "/relays", func(w *world) {
			w.well()
			w.told("here:2", "standby", "1 minute")
		}},
		{picture.Danger, "relay here:1 leads stream EVENTS and can't reach the broker: no responders", "/relays", func(w *world) {
			w.well()
			w.exec(`UPDATE contrail.relay_processes SET broker_rtt = 0, last_error = 'no responders'`)
		}},
		{picture.Warning, "stream EVENTS is paused since 2026-01-02T00:00:00Z by ada: the broker moves; nothing is published", "/relays", func(w *world) {
			w.well()
			w.exec(`UPDATE contrail.relays SET paused_at = '2026-01-02Z', paused_by = 'ada', paused_because = 'the broker moves'`)
		}},
		{picture.Warning, "1 event waits to be published, the oldest for 1m", "/relays", func(w *world) {
			w.well()
			w.exec(`INSERT INTO contrail.events (stream, version, type, data, recorded_at) VALUES ('a-1', 1, 'B', '{}', now() - interval '1 minute')`)
		}},
		{picture.Danger, "about 4 events wait to be published, the oldest for 1h", "/relays", func(w *world) {
			w.well()
			w.config.Limits.Counted = 2
			w.exec(`INSERT INTO contrail.events (stream, version, type, data, recorded_at) SELECT 'a-1', n, 'B', '{}', now() - interval '1 hour' FROM generate_series(1, 4) n`)
		}},
		{picture.Danger, "has appended and is open for ", "/health", func(w *world) {
			w.well()
			w.config.Limits.Appender = time.Nanosecond
			w.appends()
			w.appended(1)
		}},
		{picture.Warning, "1 event is left out of stream EVENTS, and 2 events are held behind", "/parked", func(w *world) {
			w.well()
			w.exec(`INSERT INTO contrail.parked (relay, position, stream, state, reason) VALUES
				('EVENTS', 1, 'a-1', 'parked', 'refused'), ('EVENTS', 2, 'a-1', 'held', 'held'), ('EVENTS', 3, 'a-1', 'held', 'held'), ('EVENTS', 4, 'a-1', 'discarded', 'held')`)
		}},
	}
}

func badConsumers() []bad {
	return []bad{
		{picture.Warning, "nobody asks for the events of consumer mail, and 2 events wait", "/consumers/mail", func(w *world) {
			w.config.Limits.Idle = time.Nanosecond
			w.consumer(jetstream.ConsumerConfig{Durable: "mail", AckPolicy: jetstream.AckExplicitPolicy}, 2)
		}},
		{picture.Warning, "consumer mail has 2 events in hand, which is all that it may", "/consumers/mail", func(w *world) {
			consumer := w.consumer(jetstream.ConsumerConfig{Durable: "mail", AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 2}, 3)
			batch, err := consumer.Fetch(2)
			require.NoError(w, err)
			for message := range batch.Messages() {
				require.NotNil(w, message) // and is not answered
			}
		}},
		{picture.Warning, "consumer mail is paused until 2199-01-01T00:00:00Z, and 1 event waits", "/consumers/mail", func(w *world) {
			until := time.Date(2199, 1, 1, 0, 0, 0, 0, time.UTC)
			w.consumer(jetstream.ConsumerConfig{Durable: "mail", AckPolicy: jetstream.AckExplicitPolicy, PauseUntil: &until}, 1)
		}},
		{picture.Warning, "3 dead letters of consumer mail wait for a person", "/dead-letters?consumer=mail", func(w *world) {
			w.create(jetstream.StreamConfig{Name: "DEADLETTERS", Subjects: []string{"deadletters.>"}})
			w.forged("deadletters.events.mail.invoice.InvoiceIssued", "deadletters.events.mail.invoice.InvoicePaid", "deadletters.foreign.mail", "deadletters.discarded.mail")
		}},
		{picture.Warning, "projection statement is paused since 2026-01-02T00:00:00Z by ada", "/projections/statement", func(w *world) {
			w.exec(`INSERT INTO contrail.projections (name, paused_at, paused_by) VALUES ('statement', '2026-01-02Z', 'ada')`)
		}},
		{picture.Warning, "no process runs projection statement, which has 2 events to read", "/projections/statement", func(w *world) {
			w.stream()
			w.forged("events.a.1.B", "events.a.1.B")
			w.exec(`INSERT INTO contrail.projections (name, stream) VALUES ('statement', 'EVENTS')`)
		}},
		{picture.Warning, "the rebuild of projection statement has failed: no room", "/projections/statement", func(w *world) {
			w.exec(`INSERT INTO contrail.projections (name) VALUES ('statement')`,
				`INSERT INTO contrail.rebuilds (projection, state, error, finished_at) VALUES ('statement', 'failed', 'no room', now())`)
		}},
	}
}

func badEffects() []bad {
	return []bad{
		{picture.Warning, "2 deliveries of invoice-mail are held for a person", "/deliveries?consumer=invoice-mail&standing=held", func(w *world) {
			w.deliveries(2, "failed", "ambiguous")
		}},
		{picture.Warning, "1 delivery of invoice-mail is under way and nobody completes", "/deliveries?consumer=invoice-mail&standing=stuck", func(w *world) {
			w.deliveries(1, "dispatched", "")
			w.exec(`ALTER TABLE contrail.delivery_attempts DISABLE TRIGGER USER`,
				`INSERT INTO contrail.delivery_attempts (delivery, number, started_by, lease_until, duplicate_risk, lost, lost_delay)
				SELECT id, 1, 'here', now() - interval '1 hour', false, 'hold', '0 s' FROM contrail.deliveries`)
		}},
		{picture.Warning, "1 delivery of invoice-mail has been given up since yesterday", "/deliveries?consumer=invoice-mail&state=cancelled", func(w *world) {
			w.deliveries(1, "cancelled", "retries_exhausted")
			w.deliveries(1, "cancelled", "lane_cancelled")
		}},
		{picture.Warning, "1 run of workflow reminders is halted", "/runs?workflow=reminders&state=halted", func(w *world) { w.ran("a", "halted", "NULL") }},
		{picture.Warning, "1 run of workflow reminders is due for more than 5m, and nobody performs", "/runs?workflow=reminders", func(w *world) {
			w.ran("a", "waiting", "now() - interval '6 minutes'")
			w.ran("b", "waiting", "now() - interval '4 minutes'")
			w.ran("c", "waiting", "now() - interval '1 hour'")
			w.exec(`UPDATE contrail.runs SET locked_by = 'here', locked_until = now() + interval '1 minute' WHERE key = 'c'`)
		}},
		{picture.Warning, "endpoint https://example.com/a is disabled: gone", "/webhooks/", func(w *world) {
			w.endpoint("a", `state = 'disabled', reason = 'gone', disabled_at = now()`)
		}},
		{picture.Warning, "endpoint https://example.com/b has failed 7 times in a row, and is only probed: refused", "/webhooks/", func(w *world) {
			w.endpoint("b", `opened_at = now(), failures = 7, last_error = 'refused'`)
		}},
	}
}

func badServers() []bad {
	return []bad{
		{picture.Danger, "NATS does not answer", "/health", func(w *world) { require.NoError(w, w.server.Stop()) }},
		{picture.Danger, "PostgreSQL does not answer", "/health", func(w *world) { w.pool = nowhere(w) }},
		{picture.Danger, "can't serve: the database is not migrated", "/health", func(w *world) { w.exec(`DROP SCHEMA contrail CASCADE`) }},
	}
}

// nowhere is a pool on a database that does not answer.
func nowhere(w *world) *pgxpool.Pool {
	config := w.pool.Config()
	config.ConnConfig.Host, config.ConnConfig.Port, config.ConnConfig.Fallbacks = "127.0.0.1", 1, nil
	pool, err := pgxpool.NewWithConfig(w.Context(), config)
	require.NoError(w, err)
	w.Cleanup(pool.Close)
	return pool
}

// Each bad state has its sentence, says what to do, and leads to the page about it.
func TestProblems(t *testing.T) {
	t.Parallel()
	for _, list := range [][]bad{badRelays(), badConsumers(), badEffects(), badServers()} {
		for _, one := range list {
			t.Run(one.what, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				one.make(w)
				found := w.until(func(p picture.Picture) bool { return about(p, one.what) != nil })
				problem := about(found, one.what)
				require.NotEmpty(t, problem.Do)
				require.True(t, strings.HasPrefix(problem.Where, one.where), problem.Where)
				require.Equal(t, one.severity, problem.Severity)
			})
		}
	}
}

// about is the problem that has the text in it.
func about(p picture.Picture, text string) *picture.Problem {
	for _, one := range p.Problems {
		if strings.Contains(one.What, text) {
			return &one
		}
	}
	return nil
}

// What is recommended is about the stream that is looked at.
func TestAdviceNamesTheStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.config.Stream, w.config.Prefix = "BILLING", "billing"
	w.create(jetstream.StreamConfig{Name: "BILLING", Subjects: []string{"billing.>"}})
	until := time.Now().Add(time.Hour)
	_, err := w.js.CreateConsumer(t.Context(), "BILLING", jetstream.ConsumerConfig{Durable: "mail", AckPolicy: jetstream.AckExplicitPolicy, PauseUntil: &until})
	require.NoError(t, err)
	var advice []string
	for _, one := range w.read().Problems {
		advice = append(advice, one.Do)
	}
	require.Contains(t, advice, "contrail subscriptions resume mail --stream BILLING")
}
