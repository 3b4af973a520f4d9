package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/contrail-events/contrail/internal/load"
)

// loadVerb appends, and times.
type loadVerb struct {
	brokerFlags

	Rate        perSecond         `default:"500/s" placeholder:"500/s" help:"Events a second; 0: as fast as it goes."`
	Size        int               `default:"512" help:"Bytes of an event's data."`
	Streams     int               `default:"64" help:"Streams of events, which take turns."`
	Concurrency int               `default:"8" help:"Transactions at a time, each on a connection of its own."`
	Batch       int               `default:"1" help:"Events in one transaction."`
	Duration    time.Duration     `placeholder:"D" help:"How long to append. Default: 10s, or with --count as long as it takes."`
	Count       int64             `placeholder:"N" help:"So many events end it sooner. Default: no such bound."`
	Metadata    map[string]string `env:"-" mapsep:"none" placeholder:"KEY=VALUE" help:"Metadata of every event, such as tenant_id=t1; may be given several times."`
	Subject     string            `default:"{category}.{id}.{type}" help:"What follows the prefix in a subject; with --in-place the relay's own."`
	Outstanding int               `default:"262144" help:"Events that may be on their way: memory is bounded by it. Beyond that appending waits, which counts."`
	Patience    time.Duration     `default:"30s" help:"How long nothing may arrive, or an append may take, before it is given up."`
	Interval    time.Duration     `default:"1s" help:"Of the throughput's table. It doubles when there would be more than a thousand."`
	InPlace     bool              `env:"-" help:"Append to the given database itself, for good, through the relay that runs there."`
	Yes         bool              `short:"y" env:"-" help:"With --in-place: do not ask."`
	JSON        bool              `name:"json" help:"Print one JSON object."`
}

// perSecond is a rate, as in 500, 0.5 or 500/s.
type perSecond float64

// UnmarshalText reads it.
func (r *perSecond) UnmarshalText(text []byte) error {
	rate, err := strconv.ParseFloat(strings.TrimSuffix(string(text), "/s"), 64)
	if err != nil {
		return errors.New("give events a second, as in 500 or 500/s")
	}
	*r = perSecond(rate)
	return nil
}

// Help teaches.
func (*loadVerb) Help() string {
	return `Appends events through the library, at a given rate, and follows each through relay and stream to a subscriber's handler. It prints
percentiles of how long that took, the throughput, and whether all arrived: once, and in the order of their streams.

  append      from when an event was due to the return of its commit
  publish     from there until the broker took it, by the broker's clock
  handle      from the return of the commit to the call of the handler
  end to end  from when it was due to the call of the handler

An event is due at its time, whether those before it are done or not. So what it waits since others are slow counts, as it would for
somebody who waits for it. With --rate 0 an event is due when a connection is free for it: that tells what the way can carry, and not
how long one would wait. Before the first event is due, each connection has taken one that is not counted.

It exits 1 when an event was lost, came twice or out of order, or when the rate was missed by more than a tenth. A signal ends it early:
what was measured by then is told, and judged.

By default it starts a PostgreSQL and a nats-server of its own, as contrail demo does; with DATABASE_URL or NATS_URL it uses that server,
in a scratch database and streams of its own. All of it is removed afterwards. With --in-place it appends to the database itself, and reads
the stream with a consumer that leaves nothing behind. Events can't be deleted: they stay, in category load, and whoever consumes
all events gets them. It asks first.

Examples:

  contrail load
  contrail load --rate 2000/s --duration 1m --size 2048 --batch 10
  contrail load --rate 0 --count 100000 --concurrency 16 --json | jq .latency_seconds.end_to_end
  contrail load --in-place --yes --rate 50/s --duration 5m --metadata tenant_id=load`
}

// Run appends.
func (v *loadVerb) Run(ctx context.Context, a *app) error {
	cfg := v.config(a)
	if err := v.check(a, cfg); err != nil {
		return err
	}
	tuneGC()
	place, err := v.open(ctx, a)
	if err != nil {
		return err
	}
	report, err := v.measure(ctx, a, place, cfg)
	if closeErr := place.close(ctx); err == nil {
		err = closeErr
	}
	return notSoUnless(report.OK, err)
}

// config is what the flags say, but for the place.
func (v *loadVerb) config(a *app) load.Config {
	return load.Config{
		Rate: float64(v.Rate), Size: v.Size, Streams: v.Streams, Concurrency: v.Concurrency, Batch: v.Batch, Duration: v.Duration, Count: v.Count,
		Metadata: v.Metadata, Prefix: v.Prefix, Subject: v.Subject, Interval: v.Interval, Patience: v.Patience, Outstanding: v.Outstanding, Logger: a.log,
	}
}

// check refuses what makes no sense, and what the library would take for left out.
func (v *loadVerb) check(a *app, cfg load.Config) error {
	if v.InPlace && a.DatabaseURL == "" {
		return usagef("--in-place is for a database that is given; set DATABASE_URL, or leave it out")
	}
	if v.InPlace && v.NATSURL == "" {
		return usagef("--in-place is for a NATS server that is given; set NATS_URL, or leave it out")
	}
	if v.Yes && !v.InPlace {
		return usagef("--yes goes with --in-place: otherwise nothing is asked")
	}
	if err := checkStream(v.Stream); err != nil {
		return err
	}
	err := errors.Join(
		atLeast("--size", v.Size, load.LeastSize), atLeast("--streams", v.Streams, 1), atLeast("--concurrency", v.Concurrency, 1),
		atLeast("--batch", v.Batch, 1), atLeast("--outstanding", v.Outstanding, 1), atLeast("--patience", v.Patience, time.Millisecond),
		atLeast("--interval", v.Interval, time.Millisecond), atLeast("--duration", v.Duration, 0),
	)
	if err == nil && v.Prefix == "" {
		err = usagef("--prefix is empty; give the first part of the stream's subjects, or leave it out")
	}
	if err != nil {
		return err
	}
	return inLoadFlags(cfg.Validate())
}

// inLoadFlags is what the package says of faulty fields, with the flags that they stand for.
func inLoadFlags(err error) error {
	if err == nil {
		return nil
	}
	text := strings.ReplaceAll("\n"+err.Error(), "\n", "\x00")
	return usageError{strings.TrimPrefix(strings.NewReplacer(
		"\x00Prefix or Subject: ", "; --prefix or --subject: ", "\x00Metadata: ", "; --metadata: ", "\x00Rate", "; --rate", "\x00Size", "; --size",
		"\x00Streams", "; --streams", "\x00Concurrency", "; --concurrency", "\x00Batch", "; --batch", "\x00Duration", "; --duration",
		"\x00Count", "; --count", "\x00Interval", "; --interval", "\x00Patience", "; --patience", "\x00Outstanding", "; --outstanding", "\x00", "; ",
	).Replace(text), "; ")}
}

// measure runs the load, and prints the report.
func (v *loadVerb) measure(ctx context.Context, a *app, place *loadPlace, cfg load.Config) (load.Report, error) {
	place.fill(&cfg)
	if !v.JSON {
		a.note("%s\n", a.paint(bold, "contrail load: "+v.plan()))
	}
	if a.unwritten != nil {
		return load.Report{}, a.unwritten // without a reader there is no point in going on
	}
	bar := a.newProgress("appending")
	cfg.Progress = func(p load.Progress) { bar.at(v.part(p), wholeBar) }
	report, err := load.Run(ctx, place.pool, place.js, cfg)
	bar.gone()
	switch {
	case err != nil:
		return report, err
	case v.JSON:
		return report, a.printJSON(report)
	}
	a.printLoad(report)
	return report, nil
}

// wholeBar is the length of the progress bar.
const wholeBar = 1000

// part is how far a run is: by its events or by its time, whichever is further.
func (v *loadVerb) part(p load.Progress) uint64 {
	duration := v.Duration
	if duration == 0 && v.Count == 0 {
		duration = load.DefaultDuration
	}
	part := 0.0
	if duration > 0 {
		part = p.Elapsed.Seconds() / duration.Seconds()
	}
	if v.Count > 0 {
		part = max(part, float64(p.Appended)/float64(v.Count))
	}
	return uint64(wholeBar * min(max(part, 0), 1))
}

// plan is what is about to be done.
func (v *loadVerb) plan() string {
	rate := "as fast as it goes"
	if v.Rate > 0 {
		rate = strconv.FormatFloat(float64(v.Rate), 'f', -1, 64) + " events a second"
	}
	until := ""
	if v.Count > 0 {
		until += ", " + plural(v.Count, "event")
	}
	if v.Duration > 0 || v.Count == 0 {
		duration := v.Duration
		if duration == 0 {
			duration = load.DefaultDuration
		}
		until += ", for " + duration.String()
	}
	return fmt.Sprintf("%s%s; %s bytes each, %s a transaction, %s at a time, %s", rate, until, thousands(v.Size),
		plural(v.Batch, "event"), thousands(v.Concurrency), plural(v.Streams, "stream"))
}

// confirm asks before anything is appended that stays.
func (v *loadVerb) confirm(ctx context.Context, a *app) error {
	if v.Yes {
		return nil
	}
	return a.confirmChange(ctx, os.Stdin, "what is appended to this database stays there for good, and goes to whoever consumes all events of stream "+v.Stream, "append")
}
