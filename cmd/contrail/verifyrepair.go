package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/publisher"
)

// repaired is how things stand after a repair.
type repaired struct {
	publisher.Report

	Asked int64 `json:"asked"` // events that the relay was asked to publish again
}

// repair asks for what is missing, has it published, and compares again.
func (v *verifyVerb) repair(ctx context.Context, a *app, pool *pgxpool.Pool, js jetstream.JetStream) error {
	if _, err := v.newRelay(a, pool, js); err != nil { // before anything is asked for
		return err
	}
	bar := a.newProgress("comparing")
	found, err := publisher.Repair(ctx, pool, js, v.config(bar))
	bar.gone()
	if err != nil {
		return err
	}
	now := repaired{found.Report, found.Asked}
	if found.Asked > 0 || found.Requeued > 0 {
		if err := v.publish(ctx, a, pool, js); err != nil {
			return err
		}
		bar := a.newProgress("comparing again")
		now.Report, err = publisher.Verify(ctx, pool, js, v.config(bar))
		bar.gone()
		if err != nil {
			return err
		}
	}
	if v.JSON {
		return notSoUnless(now.OK, a.printJSON(now))
	}
	if now.Asked > 0 {
		a.printf("%s missing, and asked for again.\n", plural(now.Asked, "event")+" "+agree(now.Asked, "was", "were"))
	}
	a.printVerdict(v.Stream, now.Report)
	return notSoUnless(now.OK, nil)
}

// publish has what is asked for published: by the relay that leads or, where none does, by one of its own.
func (v *verifyVerb) publish(ctx context.Context, a *app, pool *pgxpool.Pool, js jetstream.JetStream) error {
	status, err := publisher.ReadStatus(ctx, pool, js, v.Stream)
	if err != nil {
		return err
	}
	if status.Leader == "" {
		return v.drain(ctx, a, pool, js)
	}
	return v.awaitPublished(ctx, a, pool)
}

// awaitPublished returns when the leader has published what it is asked for, or nothing of it for as long as patience lasts: what is so then is
// the comparison's to find out.
func (v *verifyVerb) awaitPublished(ctx context.Context, a *app, pool *pgxpool.Pool) error {
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	patience := time.NewTimer(v.Wait)
	defer patience.Stop()
	bar := a.newProgress("publishing again")
	defer bar.gone()
	var first, last int64
	for {
		left, err := publisher.Requeued(ctx, pool, v.Stream)
		if err != nil || left == 0 {
			return err
		}
		if first == 0 || left < last {
			patience.Reset(v.Wait)
		}
		first, last = max(first, left), left
		bar.at(uint64(first-left), uint64(first)) //nolint:gosec // never negative
		select {
		case <-ctx.Done():
			return ctx.Err() //nolint:wrapcheck // a signal
		case <-patience.C:
			return nil
		case <-look.C:
		}
	}
}
