package telemetry_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/picture"
	"github.com/contrail-events/contrail/internal/telemetry"
	"github.com/contrail-events/contrail/subscribers"
)

// The events of the tests, by what becomes of them.
type (
	welcome struct{} // is handled
	boring  struct{} // is skipped
	fragile struct{} // fails once
	hostile struct{} // fails for good
)

func (welcome) EventType() string { return "Welcome" }
func (boring) EventType() string  { return "Boring" }
func (fragile) EventType() string { return "Fragile" }
func (hostile) EventType() string { return "Hostile" }

// house is a store, a relay, a subscription, a projection, and the situation: all that there is to tell of in one process.
type house struct {
	*testing.T

	pool *pgxpool.Pool
	js   jetstream.JetStream
	told *telemetry.Telemetry
}

const maxPayload = 64 << 10

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{T: t, pool: pgtest.New(t), told: started(t)}
	broker := natstest.Start(t, func(options *server.Options) { options.MaxPayload = maxPayload })
	var err error
	h.js, err = jetstream.New(natstest.Connect(t, broker.URL()))
	require.NoError(t, err)
	exec(t, h.pool, `CREATE TABLE seen (n bigint NOT NULL)`)
	gauges, err := telemetry.NewGauges(t.Context(), h.told.Meter(), picture.New(h.pool, h.js, picture.Config{Limits: picture.Limits{Recount: 1}}),
		telemetry.GaugesConfig{Database: h.pool, Every: time.Nanosecond})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, gauges.Close()) })
	scrape(t, h.told) // from here on they count what is appended
	return h
}

// run runs relay, subscription and projection until the test ends.
func (h *house) run() {
	h.Helper()
	cfg := impatient()
	cfg.Attempts = 2
	relaying(h.T, h.told, h.pool, h.js, cfg)
	subscription, err := subscribers.New(h.js, subscribers.Config{
		Durable: "guests", Inbox: subscribers.NewInbox(h.pool), Backoff: subscribers.Backoff{Min: time.Millisecond, Max: time.Millisecond},
		Tracer: h.told.Tracer(), Meter: h.told.Meter(),
	})
	require.NoError(h, err)
	subscribers.HandleTx(subscription, func(context.Context, pgx.Tx, contrail.Delivered[welcome]) error { return nil })
	subscribers.HandleTx(subscription, func(context.Context, pgx.Tx, contrail.Delivered[boring]) error { return contrail.Skip("boring") })
	subscribers.HandleTx(subscription, func(_ context.Context, _ pgx.Tx, event contrail.Delivered[fragile]) error {
		if event.Delivery.Attempt == 1 {
			return errors.New("once")
		}
		return nil
	})
	subscribers.HandleTx(subscription, func(context.Context, pgx.Tx, contrail.Delivered[hostile]) error {
		return contrail.Permanent(errors.New("for good"))
	})
	running(h.T, subscription.Run)
	projection, err := subscribers.NewProjection(h.js, h.pool, subscribers.ProjectionConfig{Name: "counter", Tracer: h.told.Tracer(), Meter: h.told.Meter()},
		func(ctx context.Context, tx pgx.Tx, events []contrail.Delivered[json.RawMessage]) error {
			_, err := tx.Exec(ctx, `INSERT INTO seen VALUES ($1)`, len(events))
			return err
		})
	require.NoError(h, err)
	running(h.T, projection.Run)
	h.watch(subscription, projection)
}

// watch has told watch as the program does.
func (h *house) watch(subscription *subscribers.Subscription, projection *subscribers.Projection) {
	health := h.told.Health()
	health.Alive("subscription progress", func(context.Context) (string, error) { return "no loop hangs", subscription.Alive(patience) })
	health.Ready("subscription", func(context.Context) (string, error) { return subscription.Ready() })
	health.Alive("projection progress", func(context.Context) (string, error) { return "no loop hangs", projection.Alive(patience) })
	health.Ready("projection", func(context.Context) (string, error) { return projection.Ready() })
}

// append appends n events of a type, one append each. One whose data is large is more than the broker takes.
func (h *house) append(eventType string, n int, large bool) {
	h.Helper()
	store, err := eventstore.New(eventstore.Config{Tracer: h.told.Tracer(), Meter: h.told.Meter()})
	require.NoError(h, err)
	data := json.RawMessage(`{}`)
	if large {
		data = json.RawMessage(`{"text":"` + strings.Repeat("x", maxPayload) + `"}`)
	}
	for range n {
		require.NoError(h, pgx.BeginFunc(h.Context(), h.pool, func(tx pgx.Tx) error {
			_, err := store.Append(h.Context(), tx, contrail.NewStreamID("test", "one"), eventstore.Any, contrail.Event{Type: eventType, Data: data})
			return err
		}))
	}
}

// number is a number that the database knows.
func (h *house) number(sql string) (n float64) {
	h.Helper()
	require.NoError(h, h.pool.QueryRow(h.Context(), sql).Scan(&n), sql)
	return n
}

// messages is how many a stream has.
func (h *house) messages(stream string) float64 {
	h.Helper()
	found, err := h.js.Stream(h.Context(), stream)
	require.NoError(h, err)
	return float64(found.CachedInfo().State.Msgs)
}

// until scrapes until a metric has a value.
func (h *house) until(metric string, value float64) (found scraped) {
	h.Helper()
	require.Eventually(h, func() bool {
		found = scrape(h, h.told)
		return found[metric] == value
	}, patience, pause, metric)
	return found
}

// What is counted is what there is: in the tables, in the stream, among the dead letters.
func TestCountersAgreeWithRows(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.run()
	until(t, h.told, telemetry.PathReady, 200)
	h.append("Welcome", 20, false)
	h.append("Boring", 5, false)
	h.append("Fragile", 3, false)
	h.append("Hostile", 2, false)
	h.append("Unknown", 4, false)
	h.append("Welcome", 2, true)
	h.append("Welcome", 1, false) // behind those that are too large

	h.until("contrail_parked_events_total{reason=message_too_large,stream=EVENTS}", 2)
	h.until("contrail_published_events_total{stream=EVENTS}", 35)
	h.until("contrail_handled_events_total{durable=guests,stream=EVENTS,verdict=handled}", 24)
	h.until("contrail_handled_events_total{durable=guests,stream=EVENTS,verdict=unhandled}", 4)
	h.until("contrail_handled_events_total{durable=guests,stream=EVENTS,verdict=dead_letter}", 2)
	h.until("contrail_projected_events_total{projection=counter,stream=EVENTS}", 35)
	h.until("contrail_dead_letters{durable=guests}", 2)
	h.until("contrail_consumer_lag_events{durable=guests,stream=EVENTS}", 0)
	found := h.until("contrail_projection_lag_events{projection=counter}", 0)

	labels := "{durable=guests,stream=EVENTS"
	for metric, value := range map[string]float64{
		"contrail_append_duration_seconds{outcome=ok}":                                       h.number(`SELECT count(*) FROM contrail.events`),
		"contrail_appended_events_total":                                                     h.number(`SELECT count(*) FROM contrail.events`),
		"contrail_published_events_total{stream=EVENTS}":                                     h.messages("EVENTS"),
		"contrail_parked_events_total{reason=message_too_large,stream=EVENTS}":               h.number(`SELECT count(*) FROM contrail.parked`),
		"contrail_parked_waiting_events{state=parked,stream=EVENTS}":                         h.number(`SELECT count(*) FROM contrail.parked WHERE state = 'parked'`),
		"contrail_handled_events_total" + labels + ",verdict=dead_letter}":                   h.messages("DEADLETTERS"),
		"contrail_dead_lettered_events_total{durable=guests,reason=permanent,stream=EVENTS}": h.messages("DEADLETTERS"),
		"contrail_projected_events_total{projection=counter,stream=EVENTS}":                  h.number(`SELECT sum(n)::float8 FROM seen`),
		"contrail_position{stream=EVENTS}":                                                   h.number(`SELECT max(position) FROM contrail.events`),
		"contrail_horizon{stream=EVENTS}":                                                    h.number(`SELECT contrail.horizon()`),
		"contrail_published_position{stream=EVENTS}":                                         h.number(`SELECT max(position) FROM contrail.events`),
		"contrail_projection_position{projection=counter}":                                   h.number(`SELECT position FROM contrail.projections`),
		"contrail_handled_events_total" + labels + ",verdict=skipped}":                       5,
		"contrail_handled_events_total" + labels + ",verdict=retried}":                       3,
		"contrail_redelivered_events_total" + labels + "}":                                   3,
		"contrail_lag_events{stream=EVENTS}":                                                 0,
		"contrail_lag_seconds{stream=EVENTS}":                                                0,
		"contrail_relay_leading{stream=EVENTS}":                                              1,
		"contrail_relays{state=leading,stream=EVENTS}":                                       1,
		"contrail_relays{state=gone,stream=EVENTS}":                                          0,
		"contrail_up{server=postgres}":                                                       1,
		"contrail_up{server=nats}":                                                           1,
		"contrail_build_info{version=1.2.3}":                                                 1,
	} {
		require.Contains(t, found, metric)
		require.InDelta(t, value, found[metric], 0, metric)
	}
	inbox := 0.0
	for _, verdict := range []string{"handled", "skipped", "dead_letter"} {
		inbox += found["contrail_handled_events_total"+labels+",verdict="+verdict+"}"]
	}
	require.InDelta(t, h.number(`SELECT count(*) FROM contrail.inbox WHERE consumer = 'guests'`), inbox, 0)
	require.Contains(t, found, "go_goroutines")
	require.Contains(t, found, "process_cpu_seconds_total")
	h.lint()
}

// lint has Prometheus' own linter look at a scrape.
func (h *house) lint() {
	h.Helper()
	status, body := get(h, h.told, telemetry.PathMetrics)
	require.Equal(h, 200, status)
	require.NotContains(h, string(body), "otel_scope")
	problems, err := promlint.New(strings.NewReader(string(body))).Lint()
	require.NoError(h, err)
	require.Empty(h, problems)
}
