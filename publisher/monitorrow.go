package publisher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
)

const (
	// A row that a crash of the server may lose would look like one that was deleted, so this one is waited for on the disk. What another relay
	// sweeps away at the same moment is left to it.
	insertRowSQL = `WITH swept AS (
			DELETE FROM contrail.relay_processes WHERE id IN (
				SELECT id FROM contrail.relay_processes WHERE beat_at < clock_timestamp() - interval '1 day' FOR UPDATE SKIP LOCKED)
		), inserted AS (
			INSERT INTO contrail.relay_processes (id, relay, identity, host, pid, version, settings, state)
			VALUES ($1::uuid, $2::text, $3::text, $4::text, $5::int, $6::text, $7::jsonb, $8::text)
			ON CONFLICT (id) DO NOTHING
		) SELECT pg_postmaster_start_time()`

	// One row, held for the length of the statement, and not waited for on the disk: the setting ends with the statement's transaction. The
	// horizon is taken for whoever reads in a later statement; what the lag tells may miss an event that commits just now. A lag that
	// consists of gaps is none.
	beatSQL = `WITH mine AS (
			SELECT id, command, command_by FROM contrail.relay_processes
			WHERE id = $1::uuid AND set_config('synchronous_commit', 'off', true) = 'off' FOR UPDATE
		), told AS (
			SELECT * FROM jsonb_to_record($3::jsonb) AS t(state text, published bigint, parked bigint, retried bigint, position bigint,
				rate double precision, latency double precision, cpu double precision, rss bigint,
				database_rtt double precision, broker_rtt double precision, last_error text,
				latency_p50 double precision, latency_p90 double precision, latency_p99 double precision, latency_max double precision)
		), settled AS MATERIALIZED (
			SELECT contrail.horizon() AS horizon
		), place AS (
			SELECT coalesce(told.position, r.position, 0) AS position, coalesce(r.requests, 0) AS requests, r.paused_at IS NOT NULL AS paused
			FROM told LEFT JOIN contrail.relays r ON r.stream = $2::text
		), lag AS (
			SELECT CASE WHEN oldest IS NULL THEN 0 ELSE horizon - position END AS events,
				coalesce(greatest(extract(epoch FROM clock_timestamp() - oldest), 0), 0)::float8 AS seconds
			FROM (
				SELECT settled.horizon, place.position, (
					SELECT e.recorded_at FROM contrail.events e
					WHERE e.position > place.position AND e.position <= settled.horizon ORDER BY e.position LIMIT 1
				) AS oldest
				FROM settled, place) waiting
		), beat AS (
			UPDATE contrail.relay_processes p SET beat_at = clock_timestamp(), command = NULL, state = told.state, published = told.published,
				parked = told.parked, retried = told.retried, rate = told.rate, latency = told.latency, lag_events = lag.events, lag_seconds = lag.seconds,
				cpu = told.cpu, rss = told.rss, database_rtt = told.database_rtt, broker_rtt = told.broker_rtt, last_error = told.last_error,
				latency_p50 = told.latency_p50, latency_p90 = told.latency_p90, latency_p99 = told.latency_p99, latency_max = told.latency_max
			FROM mine, told, lag WHERE p.id = mine.id
			RETURNING mine.command, mine.command_by
		)
		SELECT settled.horizon, place.requests, place.paused, beat.command_by IS NOT NULL, coalesce(beat.command, ''), coalesce(beat.command_by, ''),
			clock_timestamp(), pg_postmaster_start_time(),
			coalesce((SELECT e.id::text FROM contrail.events e WHERE e.position = $4::bigint), '')
		FROM settled CROSS JOIN place LEFT JOIN beat ON true`

	// Four rows by their primary keys, and no lock.
	lookSQL = `SELECT contrail.horizon(), coalesce(r.requests, 0), r.paused_at IS NOT NULL,
			EXISTS (SELECT FROM contrail.relay_processes WHERE id = $1::uuid AND command IS NOT NULL),
			coalesce((SELECT e.id::text FROM contrail.events e WHERE e.position = $3::bigint), '')
		FROM (SELECT) AS one LEFT JOIN contrail.relays r ON r.stream = $2::text`

	deleteRowSQL = `DELETE FROM contrail.relay_processes WHERE id = $1::uuid`

	saveDumpSQL = `UPDATE contrail.relay_processes SET dump = $2::text, dumped_at = clock_timestamp() WHERE id = $1::uuid`
)

// orders are what a beat brings back: what to know, and what to do.
type orders struct {
	pulse
	found   bool      // the row was there
	command string    // what stood there, and does no longer
	by      string    // who wrote it
	clock   time.Time // the server's
	server  time.Time // when the server started
}

// insertRow returns when the server started.
func insertRow(ctx context.Context, conn *pgx.Conn, id uuid.UUID, cfg Config, state string) (server time.Time, err error) {
	settings, err := json.Marshal(cfg.settings())
	if err != nil {
		return server, fmt.Errorf("write the relay's settings: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	err = conn.QueryRow(ctx, insertRowSQL, id.String(), cfg.Stream, cfg.Identity, host, os.Getpid(), libraryVersion(), string(settings), state).Scan(&server)
	return server, explainBeat("register the relay", err)
}

// whose is the row of a relay, and the event whose id it wants to know.
type whose struct {
	id       uuid.UUID
	stream   string
	anchored contrail.Position
}

func writeBeat(ctx context.Context, conn *pgx.Conn, of whose, told report) (got orders, err error) {
	text, err := json.Marshal(told)
	if err != nil {
		return orders{}, fmt.Errorf("write the relay's statistics: %w", err)
	}
	var horizon int64
	err = conn.QueryRow(ctx, beatSQL, of.id.String(), of.stream, string(text), int64(of.anchored)).
		Scan(&horizon, &got.requests, &got.paused, &got.found, &got.command, &got.by, &got.clock, &got.server, &got.anchor)
	got.horizon = contrail.Position(horizon)
	return got, explainBeat("write the relay's heartbeat", err)
}

func deleteRow(ctx context.Context, conn *pgx.Conn, id uuid.UUID) error {
	_, err := conn.Exec(ctx, deleteRowSQL, id.String())
	return explainBeat("delete the relay's row", err)
}

func saveDump(ctx context.Context, conn *pgx.Conn, id uuid.UUID, stacks string) error {
	_, err := conn.Exec(ctx, saveDumpSQL, id.String(), stacks)
	return explainBeat("write down the relay's goroutines", err)
}

// explainBeat knows a server that only reads: a connection that was given before to a primary may be one to a standby now.
func explainBeat(operation string, err error) error {
	if err == nil {
		return nil
	}
	if refusal, ok := errors.AsType[*pgconn.PgError](err); ok && refusal.Code == "25006" {
		return fmt.Errorf("%s: %w: connect to the primary, which alone knows what is settled (%w)", operation, eventstore.ErrStandby, err)
	}
	return fmt.Errorf("%s: %w", operation, err)
}

// settings are what people see of a Config in the relay's row. Lengths of time are text, as in 5s.
func (c Config) settings() map[string]any {
	return map[string]any{
		"prefix": c.Prefix, "subject": c.Subject, "format": c.Format.String(), "fence": c.Fence.String(), "name": c.Name, "replicas": c.Replicas,
		"on_permanent": c.OnPermanent.String(), "attempts": c.Attempts, "batch_events": c.BatchEvents, "batch_bytes": c.BatchBytes, "in_flight": c.InFlight,
		"ack_timeout": c.AckTimeout.String(), "wake": c.Wake.String(), "retry_min": c.RetryMin.String(), "retry_max": c.RetryMax.String(),
		"heartbeat": c.Heartbeat.String(), "middlewares": len(c.Middlewares),
	}
}

// libraryVersion is the version of this library that the program was built with, or "" where it does not know.
func libraryVersion() string {
	const path = "github.com/contrail-events/contrail"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, module := range append(info.Deps, &info.Main) {
		if module.Path == path && module.Version != "(devel)" {
			return module.Version
		}
	}
	return ""
}
