package main

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/publisher/control"
)

// relaysPauseVerb pauses.
type relaysPauseVerb struct {
	orderFlags

	Name    string `arg:"" optional:"" help:"The relay: its identity, its id or the beginning of it. Without one, the whole stream is paused."`
	Stream  string `default:"EVENTS" help:"The JetStream stream to pause, where no relay is named."`
	Because string `placeholder:"TEXT" help:"Why the stream is paused, for others to see."`
}

// Help teaches.
func (*relaysPauseVerb) Help() string {
	return `With a name it pauses that relay: the relay settles what is on its way, gives up its leadership, and waits to be resumed; a standby takes
over. This lasts as long as its process. A relay on this machine can be paused with SIGTSTP as well.

Without a name it pauses the stream: nothing is published to it until it is resumed, whatever relays start or stop meanwhile. What
is appended waits in the database.

It waits until it is so. When it is not in time, the relay will still heed it later.

Examples:

  contrail relays pause relay-1:4711
  contrail relays pause 6fd1
  contrail relays pause --because "the broker moves house"`
}

// Run pauses.
func (v *relaysPauseVerb) Run(ctx context.Context, a *app) error {
	if v.Name != "" && v.Because != "" {
		return usagef("--because is kept with a stream; leave it out, or leave the relay's name out to pause the stream")
	}
	if err := errors.Join(v.check(), checkStream(v.Stream)); err != nil {
		return err
	}
	return a.withRelays(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		if v.Name != "" {
			relay, err := v.order(ctx, pool, v.Name, control.Pause)
			if err == nil {
				a.printf("relay %s is paused\n", printable(relay.Identity))
			}
			return err
		}
		return v.pauseStream(ctx, a, pool)
	})
}

// pauseStream pauses whatever relays the stream. Where nothing does, it says so: the name may be a slip.
func (v *relaysPauseVerb) pauseStream(ctx context.Context, a *app, pool *pgxpool.Pool) error {
	paused, err := control.PauseStream(ctx, pool, v.Stream, person(), v.Because)
	if err != nil {
		return err
	}
	if err := v.inTime(ctx, func(ctx context.Context) error { return control.AwaitStream(ctx, pool, v.Stream) }); err != nil {
		return err
	}
	a.printf("%s\n", pausedText(paused))
	relays, err := control.List(ctx, pool, v.Stream)
	if err == nil && len(relays) == 0 {
		a.printf("no relay of stream %s is running; contrail relays list shows those of others\n", printable(v.Stream))
	}
	return err
}
