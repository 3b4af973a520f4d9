package main

import (
	"context"
	"fmt"
	"time"

	"github.com/contrail-events/contrail/internal/telemetry"
)

// healthVerb asks a process how it fares.
type healthVerb struct {
	URL string `arg:"" optional:"" env:"CONTRAIL_TELEMETRY" help:"The process's address, as http://127.0.0.1:9464 or 127.0.0.1:9464. Default: CONTRAIL_TELEMETRY, which tells the process where to listen."`

	Live    bool          `help:"Ask whether it makes progress (/healthz), instead of whether it can do its work (/readyz)."`
	Timeout time.Duration `default:"5s" help:"How long the answer may take."`
	Wait    time.Duration `default:"0s" help:"Ask again and again until all is well, for so long at most, as after a start. 0s: ask once."`
	JSON    bool          `name:"json" help:"Print the answer as JSON."`
}

// Help teaches.
func (*healthVerb) Help() string {
	return `Asks a process that was started with --telemetry whether it is ready: its loops make progress, what it needs can be reached, and it takes its part, as the
leader or as a standby. With --live it asks only whether it makes progress: a process that waits for a broker that is down does, and restarting it would not
help.

It exits 0 when all is well, and 1 when it is not, or nobody answers. It is meant for containers, which have no shell and no curl: as a health check in a compose
file it needs no argument, since the variable CONTRAIL_TELEMETRY is the process's own.

Examples:

  contrail health
  contrail health 127.0.0.1:9464 --live
  contrail health http://relay-1:9464 --json
  contrail relay & contrail health --wait 30s`
}

// healthAgain is the time between two questions.
const healthAgain = 200 * time.Millisecond

// Run asks, until it is well or the time is up.
func (v *healthVerb) Run(ctx context.Context, a *app) error {
	switch {
	case v.URL == "":
		return usagef("no address is given; give the process's own, as 127.0.0.1:9464, or set CONTRAIL_TELEMETRY")
	case v.Timeout <= 0:
		return usagef("--timeout is %s; give more than 0s", v.Timeout)
	case v.Wait < 0:
		return usagef("--wait is %s; give 0s or more", v.Wait)
	}
	began := time.Now()
	report, err := v.ask(ctx)
	for (err != nil || !report.OK()) && time.Since(began) < v.Wait && sleep(ctx, healthAgain) {
		report, err = v.ask(ctx)
	}
	if err != nil {
		return err
	}
	if v.JSON {
		err = a.printJSON(report)
	} else {
		v.tell(a, report)
	}
	if err == nil && !report.OK() {
		return errNotSo
	}
	return err
}

func (v *healthVerb) ask(ctx context.Context) (telemetry.Report, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, v.Timeout, fmt.Errorf("no answer within %s", v.Timeout))
	defer cancel()
	report, err := telemetry.Ask(ctx, telemetry.Question{URL: v.URL, Live: v.Live})
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return report, fmt.Errorf("ask %s: %w", v.URL, cause)
	}
	return report, err
}

// sleep returns false when ctx has ended.
func sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func (v *healthVerb) tell(a *app, report telemetry.Report) {
	asked := "ready"
	if v.Live {
		asked = "alive"
	}
	if !report.OK() {
		asked = "not " + asked
	}
	a.printf("%s\n", asked)
	for _, check := range report.Checks {
		mark := "ok"
		if !check.OK {
			mark = "failing since " + check.Since.Format(time.RFC3339)
		}
		a.printf("  %s: %s, %s\n", check.Name, check.What, mark)
	}
}
