package subscribers_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/contrail-events/contrail/subscribers"
)

func TestPartitionTransforms(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		config subscribers.Config
		wanted string
	}{
		{subscribers.Config{}, `
events.* > 0.events.{{wildcard(1)}}
events.*.* > {{partition(4,2)}}.events.{{wildcard(1)}}.{{wildcard(2)}}
events.*.*.> > {{partition(4,2)}}.events.{{wildcard(1)}}.{{wildcard(2)}}.>`},
		{subscribers.Config{Categories: []string{"invoice", "order"}, Types: []string{"Issued"}}, `
events.invoice.*.Issued > {{partition(4,1)}}.events.invoice.{{wildcard(1)}}.Issued
events.order.*.Issued > {{partition(4,1)}}.events.order.{{wildcard(1)}}.Issued`},
		{subscribers.Config{Filter: []string{"events.invoice.42.>", "events.order.>", "events.x"}}, `
events.invoice.42.> > 3.events.invoice.42.>
events.order.* > {{partition(4,1)}}.events.order.{{wildcard(1)}}
events.order.*.> > {{partition(4,1)}}.events.order.{{wildcard(1)}}.>
events.x > 0.events.x`},
		{subscribers.Config{Prefix: "a.b", Subject: "{tenant_id}.{type}-{id}.v1-{category}-{id}", Types: []string{"Issued"}}, `
a.b.* > 0.a.b.{{wildcard(1)}}
a.b.*.* > 0.a.b.{{wildcard(1)}}.{{wildcard(2)}}
a.b.*.*.* > {{partition(4,3)}}.a.b.{{wildcard(1)}}.{{wildcard(2)}}.{{wildcard(3)}}
a.b.*.*.*.> > {{partition(4,3)}}.a.b.{{wildcard(1)}}.{{wildcard(2)}}.{{wildcard(3)}}.>`},
		{subscribers.Config{Categories: []string{"a", "b", "c", "d", "e"}}, `
events.* > 0.events.{{wildcard(1)}}
events.*.* > {{partition(4,2)}}.events.{{wildcard(1)}}.{{wildcard(2)}}
events.*.*.> > {{partition(4,2)}}.events.{{wildcard(1)}}.{{wildcard(2)}}.>`},
	} {
		test.config.Partitions = 4
		var lines strings.Builder
		for _, transform := range subscribers.Transforms(test.config) {
			fmt.Fprintf(&lines, "\n%s > %s", transform.Source, transform.Destination)
		}
		require.Equal(t, test.wanted, lines.String())
	}
}

// A filter that spells out an id has its events in the same partition as one that does not.
func TestPartitionOfAnIDThatIsSpeltOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for id := range 20 {
		stream := fmt.Sprintf("invoice-n%d", id)
		w.publish(t, stream, drafted{})
		w.publish(t, stream, issued{})
	}
	for name, config := range map[string]subscribers.Config{
		"ANY":   {},
		"SPELT": {Filter: spelt()},
	} {
		config.Partitions = 8
		_, err := w.js.CreateStream(t.Context(), jetstream.StreamConfig{
			Name: name, Sources: []*jetstream.StreamSource{{Name: "EVENTS", SubjectTransforms: subscribers.Transforms(config)}},
		})
		require.NoError(t, err)
	}
	eventually(t, func() bool { return len(w.subjects(t, "ANY")) == 40 && len(w.subjects(t, "SPELT")) == 4 })
	for subject := range w.subjects(t, "SPELT") {
		require.Contains(t, w.subjects(t, "ANY"), subject)
	}
}

func spelt() (filters []string) {
	for id := range 4 {
		filters = append(filters, fmt.Sprintf("events.invoice.n%d.InvoiceDrafted", id))
	}
	return filters
}

func (w *world) subjects(tb testing.TB, name string) map[string]uint64 {
	tb.Helper()
	stream, err := w.js.Stream(tb.Context(), name)
	require.NoError(tb, err)
	info, err := stream.Info(tb.Context(), jetstream.WithSubjectFilter(">"))
	require.NoError(tb, err)
	return info.State.Subjects
}

func TestPartitionsAreValidated(t *testing.T) {
	t.Parallel()
	for subject, partitions := range map[string]int{
		"": 257, "{category}.{type}": 4, "{category}.{id}-{type}": 4, "{category}.{id}-{tenant_id}": 4,
	} {
		_, err := subscribers.New(nil, subscribers.Config{Durable: "test", Subject: subject, Partitions: partitions})
		require.ErrorContains(t, err, "Partitions:", subject)
	}
	_, err := subscribers.New(nil, subscribers.Config{Durable: "test", Subject: "{category}.{type}"})
	require.NoError(t, err)
}

// Buckets have names of their own, whatever the durable is called.
func TestMemberBucket(t *testing.T) {
	t.Parallel()
	require.Equal(t, "CONTRAIL_EVENTS_invoice-summary", subscribers.MemberBucket("EVENTS", "invoice-summary"))
	names := map[string]bool{}
	for _, durable := range []string{"a:b", "a-b", "a;b", "é", "ö"} {
		name := subscribers.MemberBucket("EVENTS", durable)
		require.Regexp(t, `^CONTRAIL_EVENTS_[a-zA-Z0-9_-]+$`, name)
		require.False(t, names[name])
		names[name] = true
	}
}

// Whoever holds what: the shares are even, add up, and let as many partitions as possible stay where they are.
func TestPartitionSharesProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		members := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f"}), 1, 6, rapid.ID).Draw(t, "members")
		owners := rapid.SliceOfN(rapid.SampledFrom([]string{"", "a", "b", "c", "d", "e", "f", "gone"}), 1, 20).Draw(t, "owners")
		shares := subscribers.Shares(members, owners)
		require.Len(t, shares, len(members))
		held := map[string]int{}
		for _, owner := range owners {
			held[owner]++
		}
		sum, extra := 0, len(owners)%len(members)
		for _, member := range members {
			sum += shares[member]
			require.GreaterOrEqual(t, shares[member], len(owners)/len(members))
			require.LessOrEqual(t, shares[member], (len(owners)+len(members)-1)/len(members))
			if shares[member] == len(owners)/len(members) && extra > 0 && held[member] > shares[member] {
				for _, other := range members {
					require.False(t, shares[other] > shares[member] && held[other] < held[member], "%s should keep one more, not %s", member, other)
				}
			}
		}
		require.Equal(t, len(owners), sum)
	})
}
