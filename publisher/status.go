package publisher

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
)

// Status says how far a stream is behind its store.
type Status struct {
	Position                 contrail.Position `json:"position"`                   // the newest event that is committed
	Horizon                  contrail.Position `json:"horizon"`                    // at or below it everything is settled
	PublishedPosition        contrail.Position `json:"published_position"`         // the last event that the stream has
	LagEvents                int64             `json:"lag_events"`                 // committed and not yet published
	OldestUnpublishedSeconds float64           `json:"oldest_unpublished_seconds"` // age of the first of these; 0 when there is none
	Leader                   string            `json:"leader"`                     // host:pid of the relay that leads; "" when none does

	Stream   string    `json:"stream"`
	Sequence uint64    `json:"sequence"`                  // the stream's last sequence
	Lost     int64     `json:"lost"`                      // events that the broker had acknowledged and lost, and that were sent again
	Parked   int64     `json:"parked"`                    // events that were left out and wait for a person
	Held     int64     `json:"held"`                      // events behind parked ones of their streams
	Requeued int64     `json:"requeued"`                  // events that a person has asked for, and that are not published yet
	Paused   bool      `json:"paused"`                    // nothing is published until a person resumes the stream
	Appender *Appender `json:"oldest_appender,omitempty"` // who holds the horizon back, if somebody does

	LagAbout bool `json:"lag_about,omitempty"` // LagEvents was not counted to its end: positions that nobody has got are in it
	OpenMore bool `json:"open_more,omitempty"` // there are more than Parked, Held and Requeued tell: they were not counted further

	ends bool // the stream ends with an event of the store's
}

// Appender is an open transaction that has appended, and so holds the horizon back.
type Appender struct {
	PID             int     `json:"pid"` // 0: a prepared transaction
	ApplicationName string  `json:"application_name"`
	Seconds         float64 `json:"seconds"` // since the transaction began; -1 where PostgreSQL does not tell (pg_read_all_stats)
	Query           string  `json:"query"`   // its last statement
}

const statusSQL = `SELECT coalesce(max(e.position), 0), contrail.leader($1), coalesce((SELECT lost FROM contrail.relays WHERE stream = $1), 0),
		coalesce((SELECT position FROM contrail.relays WHERE stream = $1), 0), coalesce((SELECT sequence FROM contrail.relays WHERE stream = $1), 0)
	FROM (SELECT position FROM contrail.events ORDER BY position DESC LIMIT 1) e`

const (
	// By the index parked_open, up to a bound; null: all.
	parkedSQL = `SELECT count(*) FILTER (WHERE state = 'parked'), count(*) FILTER (WHERE state = 'held'), count(*) FILTER (WHERE state = 'requeued'),
			EXISTS (SELECT FROM contrail.relays WHERE stream = $1 AND paused_at IS NOT NULL)
		FROM (SELECT state FROM contrail.parked WHERE relay = $1 AND state IN ('parked', 'held', 'requeued') LIMIT $2) AS open`

	lagSQL = `SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(recorded_at)), 0)::float8
		FROM contrail.events e WHERE position > $1
			AND NOT EXISTS (SELECT FROM contrail.parked p WHERE p.relay = $2 AND p.position = e.position AND p.state <> 'published')`

	// The next so many events, whatever they are, and each of them in contrail.parked, by the primary keys of both: a join could read all that is parked.
	nextSQL = `SELECT count(*), count(*) FILTER (WHERE p.open IS NULL), coalesce(extract(epoch FROM clock_timestamp() - min(recorded_at) FILTER (WHERE p.open IS NULL)), 0)::float8,
			coalesce(max(e.position), 0)
		FROM (SELECT position, recorded_at FROM contrail.events WHERE position > $1 ORDER BY position LIMIT $3) AS e
		LEFT JOIN LATERAL (SELECT true AS open FROM contrail.parked p WHERE p.relay = $2 AND p.position = e.position AND p.state <> 'published' LIMIT 1) AS p ON true`

	// One row, by the primary key.
	ageSQL = `SELECT coalesce(extract(epoch FROM clock_timestamp() - (SELECT recorded_at FROM contrail.events WHERE position > $1 ORDER BY position LIMIT 1)), 0)::float8`
)

const appenderSQL = `SELECT coalesce(l.pid, 0), coalesce(a.application_name, ''),
		coalesce(extract(epoch FROM clock_timestamp() - a.xact_start), -1)::float8, coalesce(left(a.query, 200), '')
	FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
	WHERE l.locktype = 'advisory' AND l.classid = 1129270868 AND l.objsubid = 2
		AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
	ORDER BY a.xact_start NULLS LAST LIMIT 1`

// ReadStatus asks the store and the broker where they are. A stream that does not exist yet has published nothing.
func ReadStatus(ctx context.Context, pool *pgxpool.Pool, js jetstream.JetStream, stream string) (Status, error) {
	return ReadStatusUpTo(ctx, pool, js, stream, 0)
}

// ReadStatusUpTo is [ReadStatus] that costs little however much waits: of what is to be published, and of what is parked, it looks at so many one by one,
// and tells the rest by Status.LagAbout and Status.OpenMore; 0: all. js may be nil, for a broker that can't be asked: then PublishedPosition and Sequence are
// what the relay has written down, which is as true unless the broker has lost something since.
func ReadStatusUpTo(ctx context.Context, pool *pgxpool.Pool, js jetstream.JetStream, stream string, counted int64) (Status, error) {
	if err := eventstore.Check(ctx, pool); err != nil {
		return Status{}, err
	}
	status := Status{Stream: stream}
	var store uuid.UUID
	if err := pool.QueryRow(ctx, `SELECT id FROM contrail.store`).Scan(&store); err != nil {
		return Status{}, fmt.Errorf("read the store's id: %w", err)
	}
	if js != nil {
		if err := status.readBroker(ctx, js, store); err != nil {
			return Status{}, err
		}
	}
	if err := status.readStore(ctx, pool, js != nil, counted); err != nil {
		return Status{}, fmt.Errorf("read the store's status: %w", err)
	}
	return status, nil
}

// readBroker leaves the published position to the cursor where the stream ends with somebody else's message.
func (s *Status) readBroker(ctx context.Context, js jetstream.JetStream, store uuid.UUID) error {
	opened, err := js.Stream(ctx, s.Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open stream %s: %w", s.Stream, translateBroker(err))
	}
	state := opened.CachedInfo().State
	last, err := readLast(ctx, js, s.Stream, state, store)
	if err != nil {
		return err
	}
	s.Sequence = state.LastSeq
	s.ends = last.ours
	if last.ours {
		s.PublishedPosition = last.place()
	}
	return nil
}

func (s *Status) readStore(ctx context.Context, pool *pgxpool.Pool, asked bool, counted int64) error {
	var position, horizon, at, sequence int64
	if err := pool.QueryRow(ctx, statusSQL, s.Stream).Scan(&position, &s.Leader, &s.Lost, &at, &sequence); err != nil {
		return err //nolint:wrapcheck // ReadStatus wraps it
	}
	if !asked {
		s.Sequence = uint64(max(sequence, 0))
	}
	if !asked || !s.ends && s.Sequence > 0 {
		s.PublishedPosition = contrail.Position(at)
	}
	s.Position = contrail.Position(position)
	if err := s.readWaiting(ctx, pool, counted, at); err != nil {
		return err
	}
	if err := pool.QueryRow(ctx, `SELECT contrail.horizon()`).Scan(&horizon); err != nil {
		return err //nolint:wrapcheck // likewise
	}
	s.Horizon = contrail.Position(horizon)
	return s.readAppender(ctx, pool)
}

// readWaiting counts what is to be published, and what is parked: up to a bound, unless that is 0. The relay has written down that it has come to at.
func (s *Status) readWaiting(ctx context.Context, pool *pgxpool.Pool, counted, at int64) (err error) {
	var most *int64 // null
	if counted > 0 {
		most = &counted
		err = s.readNext(ctx, pool, counted, at)
	} else {
		err = pool.QueryRow(ctx, lagSQL, int64(s.PublishedPosition), s.Stream).Scan(&s.LagEvents, &s.OldestUnpublishedSeconds)
	}
	if err != nil {
		return err //nolint:wrapcheck // ReadStatus wraps it
	}
	if err := pool.QueryRow(ctx, parkedSQL, s.Stream, most).Scan(&s.Parked, &s.Held, &s.Requeued, &s.Paused); err != nil {
		return err //nolint:wrapcheck // likewise
	}
	s.OpenMore = most != nil && s.Parked+s.Held+s.Requeued == counted
	return nil
}

// readNext looks at the next so many events, and takes every position behind them for one that waits. Between them and where the relay has come to it takes
// all for parked.
func (s *Status) readNext(ctx context.Context, pool *pgxpool.Pool, counted, at int64) error {
	var seen, reached int64
	err := pool.QueryRow(ctx, nextSQL, int64(s.PublishedPosition), s.Stream, counted).Scan(&seen, &s.LagEvents, &s.OldestUnpublishedSeconds, &reached)
	reached = max(reached, at)
	behind := int64(s.Position) - reached
	if err != nil || seen < counted || behind <= 0 {
		return err //nolint:wrapcheck // ReadStatus wraps it
	}
	if s.LagEvents == 0 {
		err = pool.QueryRow(ctx, ageSQL, reached).Scan(&s.OldestUnpublishedSeconds)
	}
	s.LagEvents, s.LagAbout = s.LagEvents+behind, true
	return err //nolint:wrapcheck // likewise
}

func (s *Status) readAppender(ctx context.Context, pool *pgxpool.Pool) error {
	var appender Appender
	err := pool.QueryRow(ctx, appenderSQL).Scan(&appender.PID, &appender.ApplicationName, &appender.Seconds, &appender.Query)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	s.Appender = &appender
	return err //nolint:wrapcheck // ReadStatus wraps it
}
