package main

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/publisher/control"
)

// relaysResumeVerb resumes.
type relaysResumeVerb struct {
	orderFlags

	Name   string `arg:"" optional:"" help:"The relay: its identity, its id or the beginning of it. Without one, the whole stream is resumed."`
	Stream string `default:"EVENTS" help:"The JetStream stream to resume, where no relay is named."`
}

// Help teaches.
func (*relaysResumeVerb) Help() string {
	return `With a name it resumes a relay that was paused, by whatever means: the relay stands by, and leads if nobody else does. Without a name it
resumes a stream that was paused; relays that are paused themselves stay so.

Examples:

  contrail relays resume relay-1:4711
  contrail relays resume --stream BILLING`
}

// Run resumes.
func (v *relaysResumeVerb) Run(ctx context.Context, a *app) error {
	if err := errors.Join(v.check(), checkStream(v.Stream)); err != nil {
		return err
	}
	return a.withRelays(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		if v.Name != "" {
			relay, err := v.order(ctx, pool, v.Name, control.Resume)
			if err == nil {
				a.printf("relay %s is resumed\n", printable(relay.Identity))
			}
			return err
		}
		resumed, err := control.ResumeStream(ctx, pool, v.Stream)
		if err != nil {
			return err
		}
		if err := v.inTime(ctx, func(ctx context.Context) error { return control.AwaitStream(ctx, pool, v.Stream) }); err != nil {
			return err
		}
		leader := "no relay leads; start one with contrail relay"
		if resumed.Leader != "" {
			leader = "relay " + printable(resumed.Leader) + " leads"
		}
		a.printf("stream %s is resumed; %s\n", printable(v.Stream), leader)
		return nil
	})
}
