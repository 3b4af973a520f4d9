package control

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// lookInterval is how often Await looks.
	lookInterval = 100 * time.Millisecond
	// wakeInterval is how often it wakes idle leaders meanwhile: one that has beaten within the last second goes back to sleep without a beat.
	wakeInterval = time.Second
	// lookTimeout bounds one look, which takes no time. The last one may end after ctx, so that it can tell how things stand.
	lookTimeout = 5 * time.Second
)

const wakeSQL = `SELECT pg_notify('contrail', '')::text`

// Await returns when a relay has done what it was told: it is paused, it is no longer, it is gone from the list, or its goroutines are dumped. When ctx
// ends before, the error is a [*PendingError] that tells what the relay does instead. A relay that ends in spite of another command than stop is
// [ErrNotFound].
//
// db must be no transaction: what the relay writes is to be seen.
func Await(ctx context.Context, db Querier, order Order) error {
	return await(ctx, db, func(ctx context.Context) (string, error) {
		relay, err := Get(ctx, db, order.Relay)
		if order.Command == "stop" && errors.Is(err, ErrNotFound) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		if order.Command == "resume" && relay.Command != "resume" && relay.State == Paused {
			resumed, err := leadsPausedStream(ctx, db, relay)
			if resumed || err != nil {
				return "", err
			}
		}
		return order.pending(relay), nil
	})
}

// await asks again and again, until nothing is pending.
func await(ctx context.Context, db Querier, ask func(ctx context.Context) (pending string, err error)) error {
	ticker := time.NewTicker(lookInterval)
	defer ticker.Stop()
	for woken := time.Now(); ; {
		pending, err := look(ctx, ask)
		switch {
		case err != nil || pending == "":
			return err
		case ctx.Err() != nil:
			return &PendingError{What: pending, Err: context.Cause(ctx)}
		}
		if time.Since(woken) > wakeInterval {
			var nothing string
			_ = db.QueryRow(ctx, wakeSQL).Scan(&nothing) // it only makes it sooner
			woken = time.Now()
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

func look(ctx context.Context, ask func(ctx context.Context) (pending string, err error)) (pending string, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
	defer cancel()
	return ask(ctx)
}

// pending says what an order still waits for; "" once it is done.
func (o Order) pending(relay Relay) string {
	done := map[string]bool{
		"pause":  relay.State == Paused,
		"resume": relay.State == Leading || relay.State == Standby,
		"dump":   relay.DumpedAt != nil && relay.DumpedAt.After(o.GivenAt),
	}[o.Command]
	if done && relay.Command != o.Command {
		return ""
	}
	past := map[string]string{"pause": "paused", "resume": "resumed", "stop": "stopped", "dump": "dumped"}[o.Command]
	text := fmt.Sprintf("relay %s is not %s yet: it is %s", relay.Identity, past, relay.State)
	if relay.Gone {
		return text + fmt.Sprintf(", and has not been heard of for %s; its process has died, hangs, or can't reach the database",
			time.Duration(relay.BeatSecondsAgo*float64(time.Second)).Round(time.Second))
	}
	if relay.Command == o.Command {
		text += ", and has not taken the command"
	}
	return text
}

// leadsPausedStream tells whether a relay is paused only because its stream is.
func leadsPausedStream(ctx context.Context, db Querier, relay Relay) (bool, error) {
	streams, err := Streams(ctx, db, relay.Stream)
	if err != nil || len(streams) == 0 {
		return false, err
	}
	return relay.Leads && streams[0].PausedAt != nil, nil
}
