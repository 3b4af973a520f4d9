package deploy_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/picture"
	"github.com/contrail-events/contrail/internal/telemetry"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/publisher/control"
	"github.com/contrail-events/contrail/publisher/parked"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/deliveries"
	"github.com/contrail-events/contrail/subscribers/projections"
	"github.com/contrail-events/contrail/subscribers/steps"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// situation is one in which there is something of everything. What reading it takes is tested with package picture.
type situation struct{}

func (situation) Read(context.Context) picture.Picture {
	states := map[deliveries.State]picture.Count{}
	for _, state := range []deliveries.State{
		deliveries.Pending, deliveries.Dispatched, deliveries.Failed, deliveries.Succeeded, deliveries.Suppressed, deliveries.Cancelled,
	} {
		states[state] = picture.Count{N: 1}
	}
	return picture.Picture{
		Postgres: picture.Server{Up: true}, NATS: picture.Server{Up: true},
		Store: &publisher.Status{Stream: "EVENTS"}, Streams: []control.Stream{{Name: "EVENTS"}}, Relays: []control.Relay{{Stream: "EVENTS", State: control.Leading}},
		Parked:        map[parked.State]picture.Count{parked.Parked: {N: 1}},
		Subscriptions: []subscriptions.Subscription{{Stream: "EVENTS", Durable: "summary"}}, DeadLetters: map[string]int64{"summary": 1},
		Projections: []picture.Projection{{Projection: projections.Projection{Name: "statement"}, Lag: new(int64)}},
		InboxRows:   map[string]int64{"summary": 1},
		Deliveries:  []picture.Ledger{{Consumer: "mails", States: states}},
		Runs:        []picture.Workflow{{Workflow: "reminders", States: map[steps.Status]picture.Count{steps.Ready: {N: 1}, steps.Halted: {N: 1}}}},
		Webhooks:    &picture.Endpoints{Enabled: 1},
	}
}

type issued struct{}

func (issued) EventType() string { return "InvoiceIssued" }

// family is a metric as a scrape tells it.
type family struct {
	kind, help string
	series     []map[string]string // their labels
}

// scrape is what a process tells that has appended an event, relayed, handled and projected it.
func scrape(t *testing.T) map[string]family {
	t.Helper()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	ctx, stop := context.WithCancel(t.Context())
	told, err := telemetry.Start(ctx, telemetry.Config{Service: "contrail-test", Version: "1.2.3", Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	gauges, err := telemetry.NewGauges(ctx, told.Meter(), situation{}, telemetry.GaugesConfig{Database: pool})
	require.NoError(t, err)

	store, err := eventstore.New(eventstore.Config{Meter: told.Meter()})
	require.NoError(t, err)
	relay, err := publisher.NewRelay(pool, js, publisher.Config{Meter: told.Meter()})
	require.NoError(t, err)
	handled, projected := make(chan struct{}), make(chan struct{})
	sub, err := subscribers.New(js, subscribers.Config{Durable: "summary", Inbox: subscribers.NewInbox(pool), Meter: told.Meter(), NoAttempts: true})
	require.NoError(t, err)
	subscribers.HandleTx(sub, func(context.Context, pgx.Tx, contrail.Delivered[issued]) error { close(handled); return nil })
	projection, err := subscribers.NewProjection(js, pool, subscribers.ProjectionConfig{Name: "statement", Meter: told.Meter()},
		func(context.Context, pgx.Tx, []contrail.Delivered[json.RawMessage]) error {
			close(projected)
			return nil
		})
	require.NoError(t, err)
	ended := make(chan error, 3)
	for _, run := range []func(context.Context) error{relay.Run, sub.Run, projection.Run} {
		go func() { ended <- run(ctx) }()
	}

	require.NoError(t, pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		_, err := store.Append(ctx, tx, contrail.NewStreamID("invoice", "1"), eventstore.NoStream, contrail.NewEvent(issued{}))
		return err
	}))
	for _, done := range []chan struct{}{handled, projected} {
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Fatal("the event did not arrive")
		}
	}
	var families map[string]family
	require.Eventually(t, func() bool { // what was settled is told once it is committed
		families = ask(t, "http://"+told.Addr().String()+telemetry.PathMetrics)
		return len(families["contrail_handle_latency_seconds"].series)*len(families["contrail_project_duration_seconds"].series) > 0
	}, time.Minute, 20*time.Millisecond)
	stop()
	for range 3 {
		require.NoError(t, <-ended)
	}
	require.NoError(t, gauges.Close())
	require.NoError(t, told.Shutdown(ctx))
	return families
}

func ask(t *testing.T, address string) map[string]family {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(t, err)
	request.Close = true // no connection is kept
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	parsed, err := parser.TextToMetricFamilies(response.Body)
	require.NoError(t, err)
	families := map[string]family{}
	for name, told := range parsed {
		one := family{kind: strings.ToLower(told.GetType().String()), help: told.GetHelp()}
		for _, measured := range told.GetMetric() {
			labels := map[string]string{}
			for _, label := range measured.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			one.series = append(one.series, labels)
		}
		families[name] = one
	}
	return families
}

// What rules, dashboard and documents name is held against the list; here the list is held against what a process tells.
func TestProcessTellsTheListAndNothingElse(t *testing.T) {
	t.Parallel()
	families := scrape(t)
	known := map[string]metric{}
	for _, m := range metrics() {
		known[m.name] = m
		require.Contains(t, families, m.name, "it is listed, and nobody tells it")
	}
	for name, family := range families {
		m, listed := known[name]
		if !listed {
			require.Regexp(t, `^(go|process|promhttp|target)_`, name, "it is told, and not listed")
			continue
		}
		require.Equal(t, m.kind, family.kind, name)
		require.NotEmpty(t, family.help, name)
		for _, labels := range family.series {
			for label, value := range labels {
				values, ok := m.label(label)
				require.True(t, ok, "%s has a label %s, which is not listed", name, label)
				if len(values) > 0 {
					require.Contains(t, values, value, "%s: %s", name, label)
				}
			}
			require.Len(t, m.labels, len(labels), "%s lacks some of its labels: it has %v", name, slices.Sorted(maps.Keys(labels)))
		}
	}
	for _, m := range others() {
		if strings.HasPrefix(m.name, "process_") || strings.HasPrefix(m.name, "go_") {
			require.Contains(t, families, m.name)
		}
	}
}

func TestDocumentsNameWhatIsTold(t *testing.T) {
	t.Parallel()
	name := regexp.MustCompile("`(contrail_[a-z_]+)(\\{[a-z_,]*\\})?`")
	roles := []string{"contrail_append", "contrail_consume", "contrail_operate", "contrail_read", "contrail_relay"}
	told := map[string]bool{}
	for _, page := range []string{"telemetry", "alerts", "stack", "operations", "dashboard"} {
		text, err := os.ReadFile("../docs/" + page + ".md")
		if os.IsNotExist(err) {
			require.Equal(t, "dashboard", page)
			continue
		}
		require.NoError(t, err)
		for _, found := range name.FindAllStringSubmatch(string(text), -1) {
			if _, ok := find(found[1]); !ok && !slices.Contains(roles, found[1]) {
				require.True(t, slices.ContainsFunc(metrics(), func(m metric) bool { return m.name == found[1] }), "docs/%s.md: nobody tells %s", page, found[1])
			}
			told[found[1]] = told[found[1]] || page == "telemetry"
		}
	}
	for _, m := range metrics() {
		require.True(t, told[m.name], "docs/telemetry.md does not tell of %s", m.name)
	}
}
