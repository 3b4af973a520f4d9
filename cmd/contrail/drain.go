package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/publisher"
)

// drainVerb relays what is there.
type drainVerb struct {
	brokerFlags
	relayFlags

	Timeout time.Duration `default:"0s" help:"How long it may take; 0s means as long as it takes."`
	JSON    bool          `name:"json" help:"Print JSON."`
}

// Help teaches.
func (*drainVerb) Help() string {
	return `Relays every event that is settled now, and all that was requeued, and exits 0: before a maintenance, at the end of a batch job, or
where no relay runs all the time. What is appended meanwhile may be relayed or not. Where a relay leads, drain waits for that one to
have done it, and takes over if it goes away.

It exits 1 when something is left, and says what and why: an event that is parked is for a person to decide about (contrail parked), a
stream that is paused for a person to resume, and a broker that can't be reached is waited for until --timeout is over or a signal
comes. Give it the same flags as the relay.

Examples:

  contrail drain
  contrail drain --timeout 1m --json | jq .left`
}

// Run drains.
func (v *drainVerb) Run(ctx context.Context, a *app) error {
	return v.run(ctx, a, (*publisher.Relay).Drain)
}

// draining is what drain and rebuild have a relay do.
type draining func(relay *publisher.Relay, ctx context.Context, told func(done, total contrail.Position)) (publisher.Drained, error)

// run is what drain and rebuild have in common.
func (v *drainVerb) run(ctx context.Context, a *app, drain draining) error {
	if err := v.check(); err != nil {
		return err
	}
	if v.Timeout < 0 {
		return usagef("--timeout is %s; give 0s or more", v.Timeout)
	}
	relay, closeAll, err := v.open(ctx, a, v.brokerFlags)
	if err != nil {
		return err
	}
	defer closeAll()
	limited := ctx
	if v.Timeout > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, v.Timeout)
		defer cancel()
	}
	bar := a.newProgress("relaying")
	found, err := drain(relay, limited, func(done, total contrail.Position) { bar.at(uint64(done), uint64(total)) }) //nolint:gosec // positions
	bar.gone()
	switch {
	case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("it was not done within %s; give a longer --timeout", v.Timeout) // nor even begun
	case err != nil:
		return err
	}
	if v.JSON {
		err = a.printJSON(found)
	} else if found.OK {
		a.printf("%s\n", a.paint(green, fmt.Sprintf("OK: everything that was settled is in stream %s, up to position %s.", v.Stream, thousands(found.Horizon))))
	} else {
		a.printf("%s\n", a.paint(red, v.left(found, ctx.Err() != nil)))
	}
	return notSoUnless(found.OK, err)
}

// left says what a drain has left, and why.
func (v *drainVerb) left(found publisher.Drained, interrupted bool) string {
	var reasons []string
	add := func(n int64, text string) {
		if n > 0 {
			reasons = append(reasons, plural(n, "event")+" "+text)
		}
	}
	why := fmt.Sprintf("not relayed within %s; give a longer --timeout, if the log says of nothing that the relay waits for it", v.Timeout)
	switch {
	case found.Paused:
		why = "not relayed, as the stream is paused (contrail relays resume" + onStream(v.Stream) + ")"
	case interrupted:
		why = "not relayed yet, as a signal came"
	case found.Leader != "":
		why = fmt.Sprintf("not relayed within %s by %s, which leads (contrail relays list)", v.Timeout, found.Leader)
	}
	add(found.Requeued, "requeued and not relayed yet")
	add(found.Parked, "parked (contrail parked list"+onStream(v.Stream)+")")
	add(found.Held, "held behind parked ones of the same streams")
	add(found.Left, why)
	return fmt.Sprintf("NOT OK: stream %s lacks %s.", v.Stream, strings.Join(reasons, ", "))
}
