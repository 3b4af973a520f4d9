package publisher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
)

// Drained tells what a drain has found when it ended.
type Drained struct {
	Horizon  contrail.Position `json:"horizon"`  // what was settled when it began
	Position contrail.Position `json:"position"` // what is relayed
	Left     int64             `json:"left"`     // settled events that the stream does not have, Parked, Held and Requeued not counted
	Parked   int64             `json:"parked"`
	Held     int64             `json:"held"`
	Requeued int64             `json:"requeued"`
	Paused   bool              `json:"paused"` // the stream is, by a person
	Leader   string            `json:"leader"` // the other relay that leads, if one does
	OK       bool              `json:"ok"`     // nothing is left
}

// lookAgain is how often a drain looks how far it is.
const lookAgain = 20 * time.Millisecond

// Drain relays all that is settled now, and what persons have requeued, and returns; what is appended meanwhile may be relayed or not. It runs as a relay
// of its own: where another leads it waits for that one to have done it. told, if it is not nil, is told now and then how far the relay is,
// and how far it has to go. An event that
// is parked is left to persons, and so is a stream that is paused.
//
// When ctx ends before, Drained tells what is left, and the error is nil. The errors are those of [Relay.Run].
func (r *Relay) Drain(ctx context.Context, told func(done, total contrail.Position)) (Drained, error) {
	if err := eventstore.Check(ctx, r.pool); err != nil {
		return Drained{}, err
	}
	horizon, err := eventstore.Horizon(ctx, r.pool)
	if err != nil {
		return Drained{}, err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	own := &Relay{pool: r.pool, js: r.js, watermill: r.watermill, config: r.config, hook: r.hook, exclusive: r.exclusive, progress: &progress{}}
	ended := make(chan error, 1)
	go func() {
		defer close(ended) // it may be asked twice
		ended <- own.Run(running)
	}()
	err = own.awaitDrained(running, horizon, ended, told)
	stop()
	if err == nil {
		err = <-ended
	}
	found, lookErr := r.look(context.WithoutCancel(ctx), horizon)
	if own.progress.led.Load() {
		found.Leader = ""
	}
	return found, errors.Join(err, lookErr)
}

// awaitDrained returns when nothing is left that the relay could relay, or the relay has ended, with its error, or ctx has.
func (r *Relay) awaitDrained(
	ctx context.Context, horizon contrail.Position, ended <-chan error, told func(done, total contrail.Position),
) error {
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	for others := 0; ; {
		at, target, idle, led := contrail.Position(0), contrail.Position(0), false, false
		err := r.pool.QueryRow(ctx, doneSQL, r.config.Stream, int64(horizon)).Scan(&at, &target, &idle, &led)
		if err == nil && told != nil {
			told(min(at, target), target)
		}
		// The lock may have been this relay's own before it knew: twice in a row it is another's.
		if others++; !led || r.progress.leads.Load() {
			others = 0
		}
		// A cursor that is far enough proves nothing before somebody has asked the destination whether it has all that.
		if err == nil && idle && (r.progress.resumed.Load() || others > 1) {
			return nil
		}
		select {
		case err := <-ended:
			if err == nil && ctx.Err() == nil {
				return errEnded // a person has told it to stop, say
			}
			return err
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
	}
}

// errEnded says that a relay has ended by itself while it drained.
var errEnded = errors.New("the relay has ended before it was done")

// Look-ups in primary keys, and in the index parked_open.
const doneSQL = `WITH place AS (
		SELECT coalesce((SELECT position FROM contrail.relays WHERE stream = $1), 0) AS position,
			coalesce((SELECT position FROM contrail.events WHERE position <= $2 ORDER BY position DESC LIMIT 1), 0) AS target,
			EXISTS (SELECT FROM contrail.relays WHERE stream = $1 AND paused_at IS NOT NULL) AS paused
	)
	SELECT position, target, paused OR position >= target AND NOT EXISTS (` + openToPublish + `), contrail.leader($1) <> '' FROM place`

// A handful of index look-ups; the count reads as many rows of the primary key as are left.
const drainSQL = `WITH place AS (
		SELECT coalesce((SELECT position FROM contrail.relays WHERE stream = $1), 0) AS position,
			EXISTS (SELECT FROM contrail.relays WHERE stream = $1 AND paused_at IS NOT NULL) AS paused
	)
	SELECT place.position, place.paused, contrail.leader($1),
		(SELECT count(*) FROM contrail.events e WHERE e.position > place.position AND e.position <= $2
			AND NOT EXISTS (SELECT FROM contrail.parked p WHERE p.relay = $1 AND p.position = e.position AND p.state <> 'published')),
		count(*) FILTER (WHERE p.state = 'parked'), count(*) FILTER (WHERE p.state = 'held'), count(*) FILTER (WHERE p.state = 'requeued')
	FROM place LEFT JOIN contrail.parked p ON p.relay = $1 AND p.state IN ('parked', 'held', 'requeued') AND p.position <= $2
	GROUP BY place.position, place.paused`

func (r *Relay) look(ctx context.Context, horizon contrail.Position) (Drained, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	found := Drained{Horizon: horizon}
	err := r.pool.QueryRow(ctx, drainSQL, r.config.Stream, int64(horizon)).
		Scan(&found.Position, &found.Paused, &found.Leader, &found.Left, &found.Parked, &found.Held, &found.Requeued)
	if err != nil {
		return found, fmt.Errorf("look how far the relay is: %w", err)
	}
	found.OK = found.Left == 0 && found.Parked == 0 && found.Held == 0 && found.Requeued == 0
	return found, nil
}
