package webhook

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// openLanes is a WITH that finds the lanes with open deliveries, one probe of the index deliveries_lane for each, without locks.
const openLanes = `WITH RECURSIVE lanes AS (
		(SELECT lane FROM contrail.deliveries WHERE consumer = $1 AND lane <> '' AND state IN ('pending', 'dispatched', 'failed') ORDER BY lane LIMIT 1)
		UNION ALL
		SELECT (SELECT d.lane FROM contrail.deliveries d WHERE d.consumer = $1 AND d.lane <> '' AND d.lane > l.lane AND d.state IN ('pending', 'dispatched', 'failed')
			ORDER BY d.lane LIMIT 1)
		FROM lanes l WHERE l.lane IS NOT NULL
	)`

// pulseSQL takes one more probe for the newest of each.
const pulseSQL = openLanes + ` SELECT lane, coalesce((
		SELECT d.number FROM contrail.deliveries d WHERE d.consumer = $1 AND d.lane <> '' AND d.lane = lanes.lane AND d.state IN ('pending', 'dispatched', 'failed')
		ORDER BY d.number DESC LIMIT 1), 0)
	FROM lanes WHERE lane IS NOT NULL`

// pulse tells the lanes for which there is something in the ledger. It is bounded for the same reason as look.
func (s *sender) pulse(ctx context.Context) error {
	if len(s.lanes) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Lease/renewals)
	defer cancel()
	rows, err := s.pool.Query(ctx, pulseSQL, s.consumer) //nolint:rowserrcheck // ForEachRow does
	if err != nil {
		return fmt.Errorf("look for deliveries: %w", err)
	}
	var name string
	var newest int64
	_, err = pgx.ForEachRow(rows, []any{&name, &newest}, func() error {
		id, err := uuid.Parse(name)
		if l, found := s.lanes[id]; found && err == nil {
			l.poke(newest)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for deliveries: %w", err)
	}
	return nil
}

// How soon after something was planned here the ledger is looked at: its transaction is about to commit.
const (
	soonest     = 5 * time.Millisecond
	pulsesApart = 20 * time.Millisecond
)

// pulses is the time between looks at the ledger: short when something was just planned here, and longer and longer up to a bound behind it.
type pulses struct {
	timer    *time.Timer
	interval time.Duration
	most     time.Duration
	last     time.Time
}

func newPulses(most time.Duration) *pulses {
	return &pulses{timer: time.NewTimer(0), interval: most, most: most}
}

// C is when it is time to look.
func (p *pulses) C() <-chan time.Time { return p.timer.C }

// next has the next look wait its time.
func (p *pulses) next(now time.Time) {
	p.last = now
	p.timer.Reset(p.interval)
	p.interval = min(2*p.interval, p.most)
}

// hasten has the next look come soon.
func (p *pulses) hasten(now time.Time) {
	p.interval = min(pulsesApart, p.most)
	p.timer.Reset(min(p.most, max(soonest, p.last.Add(pulsesApart).Sub(now))))
}

func (p *pulses) stop() { p.timer.Stop() }
