package subscribers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

// seen gathers positions from several goroutines.
type seen struct {
	mu        sync.Mutex
	positions []contrail.Position
}

func (s *seen) add(position contrail.Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.positions = append(s.positions, position)
}

func (s *seen) sorted() []contrail.Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(slices.Values(s.positions))
}

// mixture publishes one event for each pair of stream and tenant, of either type: positions 1 to 8 are invoices of "a", contacts of "a", and so on.
func (w *world) mixture(tb testing.TB) {
	tb.Helper()
	for _, tenant := range []string{"a", "b"} {
		for _, stream := range []string{"invoice-1", "contact-1"} {
			for _, payload := range []contrail.Payload{drafted{}, issued{}} {
				event := w.event(stream, payload)
				event.Metadata = contrail.Metadata{contrail.KeyTenantID: tenant}
				w.send(tb, event)
			}
		}
	}
}

// What is selected is filtered by the broker as far as the subjects tell it apart, and by the process otherwise.
func TestSelection(t *testing.T) {
	t.Parallel()
	const byTenant = "{tenant_id}.{category}.{id}.{type}"
	for name, test := range map[string]struct {
		config  subscribers.Config
		filters []string
		want    []contrail.Position
		arrive  int64
	}{
		"all":      {subscribers.Config{}, []string{"events.>"}, []contrail.Position{1, 2, 3, 4, 5, 6, 7, 8}, 8},
		"category": {subscribers.Config{Categories: []string{"invoice"}}, []string{"events.invoice.*.*"}, []contrail.Position{1, 2, 5, 6}, 4},
		"type":     {subscribers.Config{Types: []string{"InvoiceIssued"}}, []string{"events.*.*.InvoiceIssued"}, []contrail.Position{2, 4, 6, 8}, 4},
		"both": {
			subscribers.Config{Categories: []string{"invoice", "other"}, Types: []string{"InvoiceIssued", "Other"}},
			[]string{
				"events.invoice.*.InvoiceIssued", "events.invoice.*.Other", "events.other.*.InvoiceIssued", "events.other.*.Other",
			},
			[]contrail.Position{2, 6},
			2,
		},
		"tenant, which the subjects don't show": {
			subscribers.Config{Tenants: []string{"b"}}, []string{"events.>"}, []contrail.Position{5, 6, 7, 8}, 8,
		},
		"category by the broker, tenant by the process": {
			subscribers.Config{Categories: []string{"contact"}, Tenants: []string{"b"}}, []string{"events.contact.*.*"}, []contrail.Position{7, 8}, 4,
		},
		"tenant in the subjects": {
			subscribers.Config{Subject: byTenant, Tenants: []string{"b"}}, []string{"events.b.*.*.*"}, []contrail.Position{5, 6, 7, 8}, 4,
		},
		"all three in the subjects": {
			subscribers.Config{Subject: byTenant, Tenants: []string{"a"}, Categories: []string{"invoice"}, Types: []string{"InvoiceIssued"}},
			[]string{"events.a.invoice.*.InvoiceIssued"},
			[]contrail.Position{2},
			1,
		},
		"subjects by hand": {
			subscribers.Config{Filter: []string{"events.contact.>", "events.invoice.*.InvoiceDrafted"}},
			[]string{"events.contact.>", "events.invoice.*.InvoiceDrafted"},
			[]contrail.Position{1, 3, 4, 5, 7, 8},
			6,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.template = test.config.Subject
			w.mixture(t)
			sub := w.subscribe(t, test.config)
			var handled seen
			subscribers.HandleAny(sub, func(_ context.Context, e contrail.Delivered[json.RawMessage]) error {
				handled.add(e.Position)
				return nil
			})
			run(t, sub)
			w.drained(t)
			require.Equal(t, test.want, handled.sorted())
			require.ElementsMatch(t, test.filters, w.filters(t))
			stats := sub.Stats()
			require.Equal(t, [2]int64{test.arrive, test.arrive - int64(len(test.want))}, [2]int64{stats.Delivered, stats.Unhandled})
		})
	}
}

// drained waits until the consumer "test" has nothing left, whatever its filters let through.
func (w *world) drained(tb testing.TB) {
	tb.Helper()
	eventually(tb, func() bool {
		consumer, err := w.js.Consumer(tb.Context(), wire.DefaultStream, "test")
		if err != nil {
			return false
		}
		info := consumer.CachedInfo()
		return info.NumPending == 0 && info.NumAckPending == 0 && info.Delivered.Consumer > 0
	})
}

func (w *world) filters(tb testing.TB) []string {
	tb.Helper()
	consumer, err := w.js.Consumer(tb.Context(), wire.DefaultStream, "test")
	require.NoError(tb, err)
	return filtersOf(consumer.CachedInfo().Config)
}

func filtersOf(config jetstream.ConsumerConfig) []string { //nolint:gocritic // as the client library has it
	if config.FilterSubject != "" {
		return []string{config.FilterSubject}
	}
	return config.FilterSubjects
}

// A selection of more subjects than a consumer should filter by is left to the process in part.
func TestSelectionOfVeryMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.template = "{tenant_id}.{category}.{id}.{type}"
	w.mixture(t)
	config := subscribers.Config{Subject: w.template, Categories: []string{"invoice"}, Tenants: []string{"b"}}
	for n := range 300 {
		config.Tenants = append(config.Tenants, fmt.Sprintf("tenant-%d", n))
	}
	sub := w.subscribe(t, config)
	var handled seen
	subscribers.HandleAny(sub, func(_ context.Context, e contrail.Delivered[json.RawMessage]) error {
		handled.add(e.Position)
		return nil
	})
	run(t, sub)
	w.drained(t)
	require.Equal(t, []string{"events.*.invoice.*.*"}, w.filters(t))
	require.Equal(t, []contrail.Position{5, 6}, handled.sorted())
}

// Another selection takes the place of the one before: of what comes later.
func TestSelectionIsChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, category := range []string{"invoice", "contact"} {
		sub := w.subscribe(t, subscribers.Config{Categories: []string{category}})
		var handled seen
		subscribers.HandleAny(sub, func(_ context.Context, e contrail.Delivered[json.RawMessage]) error {
			handled.add(e.Position)
			return nil
		})
		stop := run(t, sub)
		eventually(t, func() bool { // the consumer filters by it
			consumer, err := w.js.Consumer(t.Context(), wire.DefaultStream, "test")
			return err == nil && consumer.CachedInfo().Config.FilterSubject == "events."+category+".*.*"
		})
		w.publish(t, "contact-1", drafted{})
		w.publish(t, "invoice-1", drafted{}) // the first time it passes the one before
		eventually(t, func() bool { return sub.Stats().Handled == 1 })
		w.drained(t)
		stop()
		require.Equal(t, []contrail.Position{contrail.Position(2 + i)}, handled.sorted())
	}
}

func TestSelectionNamesEveryFault(t *testing.T) {
	t.Parallel()
	_, err := subscribers.New(nil, subscribers.Config{
		Durable: "a", Filter: []string{"events.>"}, Categories: []string{"a-b"}, Types: []string{"a.b"}, Tenants: []string{""}, Subject: "{",
	})
	for _, field := range []string{"Filter", "Categories", "Types", "Tenants", "Subject"} {
		require.ErrorContains(t, err, field+":")
	}
}
