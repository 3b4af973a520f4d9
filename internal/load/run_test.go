package load_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/load"
	"github.com/contrail-events/contrail/publisher"
)

// What a run tells agrees with what there is in the database and in the stream.
func TestRunAgreesWithDatabaseAndStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := w.config()
	cfg.Batch, cfg.Count, cfg.Metadata = 7, 500, contrail.Metadata{"tenant_id": "t1"}
	r := w.run(t, cfg)
	requireSound(t, 500, r)
	require.Equal(t, []string{"load"}, w.consumers(t))
	require.EqualValues(t, 500, r.Due)
	warm := int64(cfg.Concurrency)
	require.Equal(t, 500+warm, w.rows(t, `SELECT count(*) FROM contrail.events WHERE type = 'LoadAppended' AND metadata->>'tenant_id' = 't1'`))
	require.EqualValues(t, 6, w.rows(t, `SELECT count(DISTINCT stream) FROM contrail.events WHERE stream LIKE 'load-' || $1 || '-%'`, r.Run))
	require.EqualValues(t, 100, w.rows(t, `SELECT max(length(data::text)) FROM contrail.events`)-1, "PostgreSQL writes a blank behind the colon")
	require.EqualValues(t, 72, w.rows(t, `SELECT count(DISTINCT xmin::text) FROM contrail.events WHERE stream NOT LIKE '%-5'`), "transactions of seven events")
	report, err := publisher.Verify(t.Context(), w.pool, w.js, publisher.VerifyConfig{})
	require.NoError(t, err)
	require.True(t, report.OK)
}

// Beside a relay that runs elsewhere and events of others, before and meanwhile: of the ephemeral consumer nothing is left.
func TestRunInPlace(t *testing.T) {
	t.Parallel()
	for name, as := range map[string]publisher.Config{
		"as usual":        {},
		"binary":          {Format: publisher.Binary},
		"other subjects":  {Prefix: "e", Subject: "{type}.{tenant_id}"},
		"a shared stream": {Fence: publisher.MsgID},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runInPlace(t, as)
		})
	}
}

func runInPlace(t *testing.T, as publisher.Config) {
	t.Helper()
	w := newWorld(t)
	relay, err := publisher.NewRelay(w.pool, w.js, as)
	require.NoError(t, err)
	inBackground(t, relay.Run)
	foreign := func() {
		_, err := w.pool.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data, metadata)
			SELECT format('%s-%s', category, gen_random_uuid()), 1, 'LoadAppended', '{}', '{"tenant_id":"t2"}' FROM unnest(ARRAY['load', 'invoice']) category`)
		require.NoError(t, err)
	}
	foreign()
	cfg := w.config()
	cfg.Relay, cfg.Durable, cfg.Prefix, cfg.Subject = nil, "", as.Prefix, as.Subject
	cfg.Metadata = contrail.Metadata{"tenant_id": "t1"}
	once := false
	cfg.Progress = func(load.Progress) {
		if !once {
			foreign()
		}
		once = true
	}
	requireSound(t, 200, w.run(t, cfg))
	require.True(t, once)
	require.Empty(t, w.consumers(t))
	again := w.run(t, cfg)
	requireSound(t, 200, again)
}

// As fast as it goes: nothing is due, so no rate is missed, and it ends with the time.
func TestRunAsFastAsItGoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := w.config()
	cfg.Rate, cfg.Count, cfg.Duration, cfg.Batch, cfg.Interval = 0, 0, 2*time.Second, 10, time.Millisecond
	r := w.run(t, cfg)
	requireSound(t, r.Appended, r)
	require.Positive(t, r.Appended)
	require.Equal(t, r.Appended, r.Due)
	require.GreaterOrEqual(t, r.Seconds, 1.5)
	require.LessOrEqual(t, len(r.Intervals), 1024, "however long it runs")
	require.Greater(t, r.Intervals[0].Seconds, 0.001, "so they have grown")
}

// A person ends it: what was measured is told, and what was on its way has arrived.
func TestRunInterrupted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cfg := w.config()
	cfg.Count, cfg.Duration = 0, time.Hour
	cfg.Progress = func(p load.Progress) {
		if p.Handled >= 20 {
			cancel()
		}
	}
	r, err := load.Run(ctx, w.pool, w.js, cfg)
	require.NoError(t, err)
	require.True(t, r.Interrupted)
	require.GreaterOrEqual(t, r.Handled, int64(20))
	requireSound(t, r.Appended, r)
	require.Less(t, r.Seconds, patience.Seconds())
}

func TestRunInterruptedBeforeItBegan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	mine := errors.New("mine")
	cancel(mine)
	_, err := load.Run(ctx, w.pool, w.js, w.config())
	require.ErrorIs(t, err, mine)
}

// A connection that breaks does not tell whether the commit was done. The append is tried again, and nothing is there twice.
func TestRunSurvivesLostConnections(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := w.config()
	cfg.Count = 600
	killed := 0
	cfg.Progress = func(p load.Progress) {
		if killed < 5 && p.Appended > 0 {
			killed++
			_, err := w.pool.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE datname = current_database() AND pid <> pg_backend_pid() AND query ILIKE ANY (ARRAY['%contrail.append%', 'commit', 'begin%'])`)
			if err != nil {
				t.Log(err)
			}
		}
	}
	r := w.run(t, cfg)
	require.Equal(t, 5, killed)
	require.Zero(t, r.Lost+r.Doubled+r.OutOfOrder+r.Abandoned)
	require.EqualValues(t, 600, r.Appended)
	require.EqualValues(t, 600, r.Handled)
	require.EqualValues(t, 600+cfg.Concurrency, w.rows(t, `SELECT count(*) FROM contrail.events`))
}

func TestRunWithoutAWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := w.config()
	cfg.Relay, cfg.Patience = nil, 200*time.Millisecond
	_, err := load.Run(t.Context(), w.pool, w.js, cfg)
	require.EqualError(t, err, "load: stream EVENTS is not there after 200ms; start a relay, which makes it")
	_, err = w.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.>"}})
	require.NoError(t, err)
	cfg.Patience = 5 * time.Second // an append has to be done in it
	_, err = load.Run(t.Context(), w.pool, w.js, cfg)
	require.EqualError(t, err, "load: 4 of 4 events did not arrive within 5s; look whether a relay publishes to stream EVENTS, under these subjects")
	broken := errors.New("broken")
	cfg.Patience, cfg.Relay = patience, func(context.Context) error { return broken }
	_, err = load.Run(t.Context(), w.pool, w.js, cfg)
	require.ErrorIs(t, err, broken)
	_, err = w.pool.Exec(t.Context(), `ALTER TABLE contrail.events ADD CHECK (type <> 'LoadAppended') NOT VALID`)
	require.NoError(t, err)
	cfg.Relay = nil
	_, err = load.Run(t.Context(), w.pool, w.js, cfg)
	require.ErrorContains(t, err, "load: append 1 events to load-")
	require.ErrorContains(t, err, "violates check constraint")
}

func TestConfigNamesEveryFault(t *testing.T) {
	t.Parallel()
	_, err := load.Run(t.Context(), nil, nil, load.Config{
		Rate: -1, Size: 3, Streams: -1, Concurrency: 5000, Batch: -2, Duration: -1, Count: -1, Metadata: contrail.Metadata{"Key": "x"}, Prefix: "a b",
		Interval: 1, Patience: -1, Outstanding: -9,
	})
	require.Error(t, err)
	lines := strings.Split(err.Error(), "\n")
	fields := []string{"Rate", "Size", "Streams", "Concurrency", "Batch", "Duration", "Count", "Interval", "Patience", "Outstanding", "Metadata", "Prefix or Subject"}
	require.Len(t, lines, len(fields), err)
	for i, field := range fields {
		require.Contains(t, lines[i], field)
	}
	require.Equal(t, "Batch is -2; give 1 to 10000", lines[4], fmt.Sprint(lines))
}
