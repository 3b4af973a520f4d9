package picture_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/picture"
)

// TestLarge measures a picture of ten million events, none of which is published, of a hundred thousand dead letters, deliveries, runs, parked events and rows of
// the inbox: how long it takes, and what it costs the database. It takes minutes, and is made with
//
//	CONTRAIL_LONG=1 go test ./internal/picture -run TestLarge -v -timeout 30m
func TestLarge(t *testing.T) { //nolint:paralleltest // it measures
	if os.Getenv("CONTRAIL_LONG") == "" {
		t.Skip("it takes minutes; set CONTRAIL_LONG=1")
	}
	w := newWorld(t)
	w.fill(10_000_000, 100_000)
	w.config.Limits.Recount = 0 // the default
	counting, resting := w.config, w.config
	counting.Limits.Recount, resting.Limits.Recount = time.Nanosecond, time.Hour
	full, fullCost := w.measure(picture.New(w.pool, w.js, counting))
	kept, keptCost := w.measure(picture.New(w.pool, w.js, resting))
	const recounts = 5 // of ten pictures in ten seconds every fifth counts
	t.Logf("a picture that counts: %s, %s of the database; one in between: %s, %s", full, fullCost, kept, keptCost)
	t.Logf("unattended: %.2f %% of a core; attended: %.2f %%", percent(fullCost, 10*time.Second), percent(fullCost+(recounts-1)*keptCost, recounts*time.Second))
	require.Less(t, full, 100*time.Millisecond)
	require.Less(t, percent(fullCost, 10*time.Second), 1.0)
	require.Less(t, percent(fullCost+(recounts-1)*keptCost, recounts*time.Second), 5.0)
}

func percent(cost, of time.Duration) float64 { return 100 * cost.Seconds() / of.Seconds() }

// measure is how long one of many pictures takes, and what it costs the database in processor time.
func (w *world) measure(reader *picture.Reader) (median, cost time.Duration) {
	w.Helper()
	const pictures = 50
	require.Empty(w, reader.Read(w.Context()).Unknown)
	var took []time.Duration
	before := w.spent()
	for range pictures {
		began := time.Now()
		reader.Read(w.Context())
		took = append(took, time.Since(began))
	}
	cost = (w.spent() - before) / pictures
	slices.Sort(took)
	return took[pictures/2], cost
}

// spent is the processor time that the database's sessions have had so far.
func (w *world) spent() (sum time.Duration) {
	w.Helper()
	rows, err := w.pool.Query(w.Context(), `SELECT pid FROM pg_stat_activity WHERE datname = current_database()`)
	require.NoError(w, err)
	defer rows.Close()
	for rows.Next() {
		var pid int
		require.NoError(w, rows.Scan(&pid))
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		require.NoError(w, err)
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		const user, system, tick = 11, 12, 10 * time.Millisecond
		for _, field := range []int{user, system} {
			ticks, err := strconv.Atoi(fields[field])
			require.NoError(w, err)
			sum += time.Duration(ticks) * tick
		}
	}
	require.NoError(w, rows.Err())
	return sum
}

// fill makes so many events, and of what else there may be many so many.
func (w *world) fill(events, others int) {
	w.Helper()
	w.well()
	w.exec(`ALTER TABLE contrail.events DISABLE TRIGGER USER`, `ALTER TABLE contrail.deliveries DISABLE TRIGGER USER`,
		// A picture reads events by their position alone.
		`ALTER TABLE contrail.events DROP CONSTRAINT events_id_key, DROP CONSTRAINT events_stream_version_key, DROP CONSTRAINT events_stream_valid,
			DROP CONSTRAINT events_metadata_valid, DROP CONSTRAINT events_sealed_valid, DROP CONSTRAINT events_type_valid`,
		`DROP INDEX contrail.events_category_idx, contrail.events_correlation_idx`)
	const step = 1_000_000
	for from := 1; from <= events; from += step {
		w.exec(fmt.Sprintf(`INSERT INTO contrail.events (stream, version, type, data) SELECT 'invoice-' || n / 10, n %% 10 + 1, 'Counted', '{"n": 1}' FROM generate_series(%d, %d) n`,
			from, min(from+step-1, events)))
	}
	n := strconv.Itoa(others)
	w.exec(`INSERT INTO contrail.parked (relay, position, stream, state, reason) SELECT 'EVENTS', n, 'invoice-' || n, 'parked', 'refused' FROM generate_series(1, `+n+`) n`,
		`INSERT INTO contrail.delivery_events (consumer, id, position, sequence, stream, type) VALUES ('mail', gen_random_uuid(), 1, 1, 'a-1', 'B')`,
		`INSERT INTO contrail.deliveries (id, consumer, event, channel, recipient, state, due_at)
			SELECT gen_random_uuid(), 'mail', id, 'mail', 'contact-' || n, (ARRAY['pending', 'failed', 'succeeded', 'cancelled'])[n % 4 + 1], CASE WHEN n % 4 = 0 THEN now() END
			FROM contrail.delivery_events, generate_series(1, `+n+`) n`,
		`INSERT INTO contrail.runs (id, key, workflow, args, definition, state, due_at, ended_at) SELECT gen_random_uuid(), 'run-' || n, 'reminders', '{}', '{a}',
			CASE n % 2 WHEN 0 THEN 'waiting' ELSE 'finished' END, CASE n % 2 WHEN 0 THEN now() + interval '1 day' END, CASE n % 2 WHEN 1 THEN now() END FROM generate_series(1, `+n+`) n`,
		`INSERT INTO contrail.inbox (consumer, position) SELECT 'mail', n FROM generate_series(1, `+n+`) n`,
		`VACUUM ANALYZE`)
	w.stream()
	w.create(jetstream.StreamConfig{Name: "DEADLETTERS", Subjects: []string{"deadletters.>"}})
	for i := range others {
		_, err := w.js.PublishAsync(fmt.Sprintf("deadletters.events.mail.invoice.Type%d", i%20), []byte("{}"))
		require.NoError(w, err)
	}
	<-w.js.PublishAsyncComplete()
}
