package webhook

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// meetSQL tells the others that this process is there, and forgets who has been silent for a day. leaveSQL says that it is gone.
const (
	meetSQL = `WITH gone AS (
			DELETE FROM contrail.webhook_senders WHERE consumer = $1 AND process <> $2 AND until < clock_timestamp() - interval '1 day'
		) INSERT INTO contrail.webhook_senders (consumer, process, until) VALUES ($1, $2, clock_timestamp() + $3)
		ON CONFLICT (consumer, process) DO UPDATE SET until = EXCLUDED.until`

	leaveSQL = `DELETE FROM contrail.webhook_senders WHERE consumer = $1 AND process = $2`
)

// seeSQL reads without locks, by the indexes of consumers.
const seeSQL = `SELECT id, state = 'enabled', changed_at, held_until IS NULL OR held_until < clock_timestamp(),
		(SELECT count(*) FROM contrail.webhook_senders WHERE consumer = $1 AND until > clock_timestamp())
	FROM contrail.webhooks WHERE consumer = $1`

// sighting is an endpoint as the roster sees it.
type sighting struct {
	id        uuid.UUID
	enabled   bool
	changedAt time.Time
	free      bool // nobody holds it
	processes int  // that share the endpoints; the same in each
}

// look is one turn of the roster: it renews the leases when it is time, lets go of endpoints that are disabled, removed or too many, tells lanes what has changed
// about theirs, and returns endpoints that nobody held and that are this process's now. It is bounded, since it must not take longer than the leases allow.
func (s *sender) look(ctx context.Context) (taken []*holding, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Lease/renewals)
	defer cancel()
	if err := s.renew(ctx); err != nil {
		return nil, err
	}
	seen, err := s.see(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.refresh(ctx, s.review(seen)); err != nil {
		return nil, err
	}
	if room := s.room(seen); room > 0 {
		return s.take(ctx, room)
	}
	return nil, nil
}

func (s *sender) see(ctx context.Context) ([]sighting, error) {
	rows, err := s.pool.Query(ctx, seeSQL, s.consumer)
	if err != nil {
		return nil, fmt.Errorf("look at the endpoints: %w", err)
	}
	seen, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (one sighting, err error) {
		err = row.Scan(&one.id, &one.enabled, &one.changedAt, &one.free, &one.processes)
		return one, err //nolint:wrapcheck // wrapped below
	})
	if err != nil {
		return nil, fmt.Errorf("look at the endpoints: %w", err)
	}
	return seen, nil
}

// review ends the lanes whose endpoints are enabled no more, and returns those of which something has changed.
func (s *sender) review(seen []sighting) (changed []uuid.UUID) {
	enabled := make(map[uuid.UUID]time.Time, len(seen))
	for _, one := range seen {
		if one.enabled {
			enabled[one.id] = one.changedAt
		}
	}
	for id, l := range s.lanes {
		switch at, found := enabled[id]; {
		case !found:
			l.stop()
		case !at.Equal(l.held().ChangedAt):
			changed = append(changed, id)
		}
	}
	return changed
}

// refresh tells lanes what has changed about their endpoints, and ends those whose tenure is over.
func (s *sender) refresh(ctx context.Context, changed []uuid.UUID) error {
	if len(changed) == 0 {
		return nil
	}
	loaded, err := s.load(ctx, changed)
	if err != nil {
		return err
	}
	for _, held := range loaded {
		switch l, found := s.lanes[held.ID]; {
		case !found:
		case held.token == l.held().token:
			l.update(held)
		default:
			l.stop()
		}
	}
	return nil
}

// room is how many endpoints the process may take: as many as are free, up to its share. It ends the lanes that are beyond that.
func (s *sender) room(seen []sighting) int {
	enabled, free, processes := 0, 0, 1
	for _, one := range seen {
		processes = max(processes, one.processes)
		if one.enabled {
			enabled++
			if one.free {
				free++
			}
		}
	}
	share := (enabled + processes - 1) / processes
	held := 0
	for _, l := range s.lanes {
		if l.stopping() {
			continue
		}
		if held++; held > share {
			l.stop()
			held--
		}
	}
	return min(free, share-held)
}

// renew renews what is held, every third of the lease. A lane whose endpoint another process has taken ends.
func (s *sender) renew(ctx context.Context) error {
	sent := time.Now()
	if sent.Sub(s.renewedAt) < s.config.Lease/renewals {
		return nil
	}
	if _, err := s.pool.Exec(ctx, meetSQL, s.consumer, s.process, s.config.Lease); err != nil {
		return fmt.Errorf("renew the lease of endpoints: %w", err)
	}
	ids, tokens := make([]uuid.UUID, 0, len(s.lanes)), make([]int64, 0, len(s.lanes))
	for id, l := range s.lanes {
		ids, tokens = append(ids, id), append(tokens, l.held().token)
	}
	rows, err := s.pool.Query(ctx, renewSQL, ids, tokens, s.config.Lease)
	if err != nil {
		return fmt.Errorf("renew the lease of endpoints: %w", err)
	}
	renewed, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("renew the lease of endpoints: %w", err)
	}
	s.renewedAt = sent
	still := make(map[uuid.UUID]bool, len(renewed))
	for _, id := range renewed {
		still[id] = true
		s.lanes[id].renewed(sent.Add(s.config.Lease))
	}
	for id, l := range s.lanes {
		if !still[id] && !l.stopping() {
			s.log.WarnContext(ctx, "the endpoint is another process's by now, disabled or removed", slog.String("endpoint", id.String()))
			l.stop()
		}
	}
	return nil
}
