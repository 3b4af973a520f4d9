package deploy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// metric is one that processes of Contrail tell: its name in Prometheus, its type, and its labels. A label whose values are known is written with them.
type metric struct {
	name, kind string
	labels     []string
}

// metrics are all of them. What a process counts itself stands first; the figures of the whole, which all but serve tell, follow.
func metrics() []metric {
	return []metric{
		{"contrail_append_duration_seconds", "histogram", []string{"outcome=ok|conflict|error"}},
		{"contrail_published_events_total", "counter", []string{"stream"}},
		{"contrail_publish_duration_seconds", "histogram", []string{"stream", "outcome=ok|retry|refused"}},
		{"contrail_publish_latency_seconds", "histogram", []string{"stream"}},
		{"contrail_publish_batch_events", "histogram", []string{"stream"}},
		{"contrail_parked_events_total", "counter", []string{"stream", "reason"}},
		{"contrail_publish_retries_total", "counter", []string{"stream"}},
		{"contrail_relay_leading", "gauge", []string{"stream"}},
		{"contrail_handled_events_total", "counter", []string{"stream", "durable", "verdict=handled|skipped|duplicate|retried|dead_letter|unhandled"}},
		{"contrail_handle_duration_seconds", "histogram", []string{"stream", "durable", "verdict=handled|skipped|duplicate|retried|dead_letter|unhandled"}},
		{"contrail_handle_latency_seconds", "histogram", []string{"stream", "durable"}},
		{"contrail_redelivered_events_total", "counter", []string{"stream", "durable"}},
		{"contrail_dead_lettered_events_total", "counter", []string{"stream", "durable", "reason"}},
		{"contrail_projected_events_total", "counter", []string{"stream", "projection"}},
		{"contrail_project_duration_seconds", "histogram", []string{"stream", "projection", "outcome=ok|error"}},

		{"contrail_up", "gauge", []string{"server=postgres|nats"}},
		{"contrail_appended_events_total", "counter", nil},
		{"contrail_position", "gauge", []string{"stream"}},
		{"contrail_horizon", "gauge", []string{"stream"}},
		{"contrail_published_position", "gauge", []string{"stream"}},
		{"contrail_lag_events", "gauge", []string{"stream"}},
		{"contrail_lag_seconds", "gauge", []string{"stream"}},
		{"contrail_parked_waiting_events", "gauge", []string{"stream", "state=parked|held|requeued"}},
		{"contrail_relays", "gauge", []string{"stream", "state=leading|standby|paused|stopping|gone"}},
		{"contrail_stream_paused", "gauge", []string{"stream"}},
		{"contrail_consumer_lag_events", "gauge", []string{"stream", "durable"}},
		{"contrail_consumer_in_hand_events", "gauge", []string{"stream", "durable"}},
		{"contrail_consumer_redelivered_events", "gauge", []string{"stream", "durable"}},
		{"contrail_consumer_ack_floor_sequence", "gauge", []string{"stream", "durable"}},
		{"contrail_dead_letters", "gauge", []string{"durable"}},
		{"contrail_inbox_rows", "gauge", []string{"consumer"}},
		{"contrail_projection_lag_events", "gauge", []string{"projection"}},
		{"contrail_projection_position", "gauge", []string{"projection"}},
		{"contrail_projection_paused", "gauge", []string{"projection"}},
		{"contrail_deliveries", "gauge", []string{"consumer", "state=pending|dispatched|failed|succeeded|suppressed|cancelled"}},
		{"contrail_runs", "gauge", []string{"workflow", "state=ready|waiting|cancelling|compensating|halted|finished|failed|cancelled"}},
		{"contrail_webhooks", "gauge", []string{"state=enabled|open|disabled"}},
		{"contrail_build_info", "gauge", []string{"version"}},
	}
}

// others are the metrics of other programs, and those of client_golang's collectors, that rules and dashboard may name.
func others() []metric {
	return []metric{
		{"up", "gauge", nil},
		{"ALERTS", "gauge", []string{"alertname", "alertstate=firing|pending", "stream", "durable", "projection"}},
		{"node_filesystem_avail_bytes", "gauge", []string{"mountpoint", "fstype"}},
		{"node_filesystem_size_bytes", "gauge", []string{"mountpoint", "fstype"}},
		{"otelcol_exporter_send_failed_spans", "counter", []string{"exporter"}},
		{"go_goroutines", "gauge", nil},
		{"go_gc_duration_seconds", "histogram", nil}, // a summary, with _sum and _count
		{"go_memstats_heap_inuse_bytes", "gauge", nil},
		{"process_cpu_seconds_total", "counter", nil},
		{"process_max_fds", "gauge", nil},
		{"process_open_fds", "gauge", nil},
		{"process_resident_memory_bytes", "gauge", nil},
		{"process_start_time_seconds", "gauge", nil},
	}
}

// find returns the metric that a name of a query belongs to: a histogram's name has a suffix there.
func find(name string) (found metric, ok bool) {
	for _, m := range append(metrics(), others()...) {
		if m.kind != "histogram" && name == m.name {
			return m, true
		}
		if suffix, of := strings.CutPrefix(name, m.name); of && m.kind == "histogram" && slices.Contains([]string{"_bucket", "_sum", "_count"}, suffix) {
			return m, true
		}
	}
	return metric{}, false
}

// label returns the values that a label of the metric may have; none: any.
func (m metric) label(name string) (values []string, ok bool) {
	for _, label := range append(m.labels, "job", "instance") {
		if label, known, listed := strings.Cut(label, "="); label == name {
			if listed {
				values = strings.Split(known, "|")
			}
			return values, true
		}
	}
	return nil, name == "le" && m.kind == "histogram"
}

// requireKnown fails unless each metric of the query exists, with the labels and the values that it is asked for. It returns the metrics' names.
func requireKnown(t *testing.T, where string, asked query) (known []string) {
	t.Helper()
	var labels []string
	for _, selected := range asked.metrics {
		m, ok := find(selected.name)
		require.Truef(t, ok, "%s: nobody tells %s", where, selected.name)
		known = append(known, m.name)
		for _, label := range append(m.labels, "job", "instance", "le") {
			label, _, _ = strings.Cut(label, "=")
			labels = append(labels, label)
		}
		for label, wanted := range selected.matchers {
			values, ok := m.label(label)
			require.Truef(t, ok, "%s: %s has no label %s", where, m.name, label)
			for value := range strings.SplitSeq(wanted, "|") {
				if len(values) > 0 && !strings.HasPrefix(value, "$") {
					require.Containsf(t, values, value, "%s: %s of %s", where, label, m.name)
				}
			}
		}
	}
	for _, label := range asked.grouping {
		require.Containsf(t, labels, label, "%s: none of its metrics has the label", where)
	}
	return known
}
