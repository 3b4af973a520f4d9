package control_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher/control"
)

// What a relay has written is what one reads.
func TestListTellsEverything(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	id := register(t, pool, "EVENTS", "here:1", control.Leading)
	set(t, pool, id, `host = 'h', pid = 7, version = 'v1', settings = '{"name": "billing"}', started_at = '2026-01-02Z', beat_at = clock_timestamp() - interval '3 s',
		command = 'dump', command_by = 'ada', dumped_at = '2026-01-03Z', published = 1, parked = 2, retried = 3, rate = 4.5, latency = 0.25, lag_events = 6,
		lag_seconds = 7.5, cpu = 0.5, rss = 9, database_rtt = 0.125, broker_rtt = 0.0625, last_error = 'e'`)
	lead(t, pool, "EVENTS", "here:1")
	relays, err := control.List(t.Context(), pool, "")
	require.NoError(t, err)
	require.Len(t, relays, 1)
	relay := relays[0]
	require.InDelta(t, 3, relay.BeatSecondsAgo, 2.9)
	require.WithinDuration(t, time.Now(), relay.BeatAt, time.Minute)
	require.Equal(t, "2026-01-02", relay.StartedAt.UTC().Format(time.DateOnly))
	require.Equal(t, "2026-01-03", relay.DumpedAt.UTC().Format(time.DateOnly))
	relay.BeatSecondsAgo, relay.BeatAt, relay.StartedAt, relay.DumpedAt = 0, time.Time{}, time.Time{}, nil
	require.Equal(t, control.Relay{
		ID: id, Stream: "EVENTS", Identity: "here:1", Host: "h", PID: 7, Version: "v1", Settings: json.RawMessage(`{"name": "billing"}`),
		State: control.Leading, Leads: true, Command: "dump", CommandBy: "ada",
		Published: 1, Parked: 2, Retried: 3, Rate: 4.5, Latency: 0.25, LagEvents: 6, LagSeconds: 7.5, CPU: 0.5, RSS: 9,
		DatabaseRTT: 0.125, BrokerRTT: 0.0625, LastError: "e",
	}, relay)
}

// Each stream has its own leader; a relay that has not beaten for long is gone and leads nothing, whatever it said last.
func TestListTellsWhoLeads(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	register(t, pool, "EVENTS", "a", control.Leading)
	register(t, pool, "EVENTS", "b", control.Standby)
	register(t, pool, "OTHER", "a", control.Leading)
	register(t, pool, "PAUSED", "c", control.Paused)
	register(t, pool, "PAUSED", "c", control.Standby)
	set(t, pool, register(t, pool, "EVENTS", "a", control.Leading), `beat_at = now() - interval '21 s'`)
	lead(t, pool, "EVENTS", "a")
	lead(t, pool, "PAUSED", "c")
	relays, err := control.List(t.Context(), pool, "")
	require.NoError(t, err)
	type line struct {
		stream, identity string
		leads, gone      bool
	}
	var got []line
	for _, relay := range relays {
		got = append(got, line{relay.Stream, relay.Identity, relay.Leads, relay.Gone})
	}
	require.Equal(t, []line{
		{"EVENTS", "a", true, false},
		{"EVENTS", "b", false, false},
		{"EVENTS", "a", false, true},
		{"OTHER", "a", false, false},
		{"PAUSED", "c", true, false},
		{"PAUSED", "c", false, false},
	}, got)
	relays, err = control.List(t.Context(), pool, "OTHER")
	require.NoError(t, err)
	require.Len(t, relays, 1)
}

// A person names a relay by its identity or by as much of its id as it takes.
func TestFind(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	for _, id := range []string{"aaaa0000-0000-4000-8000-000000000000", "aaab0000-0000-4000-8000-000000000000"} {
		set(t, pool, register(t, pool, "EVENTS", "twin", control.Standby), `id = '`+id+`'`)
	}
	alive := register(t, pool, "OTHER", "again", control.Standby)
	set(t, pool, register(t, pool, "OTHER", "again", control.Standby), `beat_at = now() - interval '1 h'`)

	for _, name := range []string{"aaab", "AAAB0000", "aaab0000-0000-4000-8000-000000000000"} {
		relay, err := control.Find(t.Context(), pool, "", name)
		require.NoError(t, err, name)
		require.Equal(t, uuid.MustParse("aaab0000-0000-4000-8000-000000000000"), relay.ID)
	}
	relay, err := control.Find(t.Context(), pool, "", "again")
	require.NoError(t, err, "one of the two is gone")
	require.Equal(t, alive, relay.ID)

	for _, name := range []string{"aaa", "twin"} {
		_, err = control.Find(t.Context(), pool, "", name)
		ambiguous, ok := errors.AsType[*control.AmbiguousError](err)
		require.True(t, ok, "%v", err)
		require.Len(t, ambiguous.Matches, 2)
		require.ErrorContains(t, err, `"`+name+`" means 2 relays: aaa`)
	}
	for _, name := range []string{"", "nobody", "aaab%"} {
		_, err = control.Find(t.Context(), pool, "", name)
		require.ErrorIs(t, err, control.ErrNotFound, name)
	}
	_, err = control.Find(t.Context(), pool, "EVENTS", "again")
	require.ErrorIs(t, err, control.ErrNotFound, "it relays another stream")
}
