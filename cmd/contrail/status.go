package main

import (
	"context"
	"errors"
	"time"

	"github.com/contrail-events/contrail/internal/picture"
)

// statusVerb tells how things stand.
type statusVerb struct {
	brokerFlags

	DeadLetters string `default:"DEADLETTERS" help:"The JetStream stream of dead letters."`
	Watch       every  `env:"-" placeholder:"2s" help:"Tell again and again, every 2s or --watch=TIME, until q or ctrl-c."`
	JSON        bool   `name:"json" help:"Print JSON; with --watch one object a line."`
}

// Help teaches.
func (*statusVerb) Help() string {
	return `Shows how things stand, on one screen: both servers, how far the stream is behind the database, who relays and who consumes, what waits
for a person, and what is wrong, in a sentence each with what to do. "Position" is the newest committed event, "horizon" the position
up to which everything is settled, "published" the last event that the stream holds. Lag that stays while a relay leads, or a
horizon that stays below the position, is worth a look: an open transaction that has appended holds the horizon back, and status
names it. On a terminal what does not fit is left out, and how many that are is told; piped, or as JSON, it is all there.

It exits 0 whenever both servers answer, whatever is wrong otherwise, and 1 when one does not: then it shows what the other knows. Numbers
of what there may be many of are counted up to a bound, and followed by a +. With --watch a server that goes away is waited for.

Examples:

  contrail status
  contrail status --watch
  contrail status --json | jq .lag_events
  contrail status --json | jq -r '.problems[] | .what'`
}

// Run prints the status.
func (v *statusVerb) Run(ctx context.Context, a *app) error {
	if err := errors.Join(v.checkBroker(), checkStream(v.DeadLetters), v.Watch.check("--watch")); err != nil {
		return err
	}
	place := &statusPlace{verb: v, app: a}
	defer place.close()
	if v.Watch > 0 {
		return place.watch(ctx)
	}
	if err := place.open(ctx); err != nil {
		return err
	}
	if place.noDatabase != nil && place.noBroker != nil {
		return errors.Join(place.noDatabase, place.noBroker)
	}
	now := place.read(ctx, picture.Limits{Timeout: a.ConnectTimeout, Counted: -1})
	if ctx.Err() != nil {
		return context.Cause(ctx) //nolint:wrapcheck // the signal
	}
	if err := place.tell(now, picture.Rates{}); err != nil {
		return err
	}
	return place.unread(now)
}

// tell prints a picture.
func (p *statusPlace) tell(now picture.Picture, rates picture.Rates) error {
	if p.verb.JSON {
		return p.app.printJSON(statusOf(now))
	}
	width, height := p.app.screen()
	for _, line := range (statusPage{app: p.app, picture: now, rates: rates, width: width}).lines(height) {
		p.app.printf("%s\n", line)
	}
	return nil
}

// seconds writes a length of time as a person would.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d < 0:
		return "a time that PostgreSQL does not tell this role"
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
