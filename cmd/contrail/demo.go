package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/contrail-events/contrail/internal/invoicing"
)

// demoVerb shows the whole way.
type demoVerb struct {
	brokerFlags

	Input   string        `placeholder:"FILE.jsonl" help:"The invoices, one JSON object a line; - is standard input. Default: a small sample that is in the program."`
	JSON    bool          `name:"json" help:"Print one JSON object at the end."`
	Keep    bool          `help:"Leave all running until a signal comes, serve the HTTP API and the dashboard, and print the URLs to connect to."`
	DataDir string        `placeholder:"DIR" help:"Keep the servers' data in this folder; a second run goes on with them. Default: temporary folders."`
	Strict  bool          `help:"Do nothing at all if a line of the input is bad. Default: report it and go on with the others."`
	Clients int           `default:"8" help:"Commands that run at once."`
	Timeout time.Duration `default:"1m" help:"How long relay and subscribers may take to catch up."`
}

// Help teaches.
func (*demoVerb) Help() string {
	return `Runs the worked example from end to end. It starts a PostgreSQL of its own (from the installed server programs, or
fetched where there are none) and a nats-server, both on loopback; runs a relay and all parts of contrail subscribe, with mails that
go to the log alone; and meanwhile drafts the input's invoices in transactions, updates some, issues most, pays many, voids a
few and deletes one. Then it waits until all is relayed, handled, projected and mailed, prints what happened with counts and
times and each organisation's invoices, compares the stream with the database as contrail verify does, and the read models with
what the aggregates say. It exits 0 only if every event arrived once, in order, and the read models are right. Afterwards
nothing is left.

With DATABASE_URL or NATS_URL it uses that server instead, in a scratch database and in streams of its own, which it removes
afterwards unless --keep is given.

A line of the input looks like this, in one line, where "organisation" may be left out:

  {"reference":"a-1","organisation":{"reference":"o-1","name":"Apex"},
   "contact":{"reference":"c-1","first_name":"Ada","last_name":"Byron","email":"ada@example.org"},
   "currency_code":"EUR","due_date":"2026-01-31",
   "line_items":[{"description":"Tea","unit_amount":{"amount":"2.50","currency_code":"EUR"},"quantity":2}],
   "sub_total":{"amount":"5.00","currency_code":"EUR"}}

Examples:

  contrail demo
  contrail demo --input invoices.jsonl --strict --json
  contrail demo --keep --data-dir ./demo-data`
}

//go:embed sample.jsonl
var sample []byte

// Run runs the demo.
func (v *demoVerb) Run(ctx context.Context, a *app) error {
	began := time.Now()
	if v.DataDir != "" && (a.DatabaseURL != "" || v.NATSURL != "") {
		return usagef("--data-dir is for servers of the demo's own; leave it out, or unset DATABASE_URL and NATS_URL")
	}
	input, err := v.read(began)
	if err != nil {
		return err
	}
	stages := &timeline{app: a, quiet: v.JSON || a.Quiet}
	a.printFaults(input)
	if len(input.Invoices) == 0 {
		return rejection(input, "no line is left, so nothing was done")
	}
	a.announce(v, input)
	w, err := openWorld(ctx, a, v, stages)
	if err != nil {
		return err
	}
	report, err := v.play(w, input, stages)
	if err == nil {
		report.Seconds = round(time.Since(began))
		err = a.printDemo(report, w.servers.stream, v.JSON)
	}
	if err == nil && v.Keep {
		err = w.keep() //nolint:contextcheck // the dashboard's handlers take the requests' own
	}
	if closeErr := w.close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = report.verdict(input)
	}
	return err
}

// read reads and checks the whole input before anything is started.
func (v *demoVerb) read(now time.Time) (invoicing.Input, error) {
	config := invoicing.InputConfig{Strict: v.Strict, Now: now}
	var from io.Reader = bytes.NewReader(sample)
	switch v.Input {
	case "":
	case "-":
		from = os.Stdin
	default:
		file, err := os.Open(v.Input)
		if err != nil {
			return invoicing.Input{}, fmt.Errorf("the input can't be opened: %w; give --input a file of invoices", err)
		}
		defer func() { _ = file.Close() }()
		from = file
		config.Organisation = strings.TrimSuffix(filepath.Base(v.Input), filepath.Ext(v.Input))
	}
	input, err := invoicing.ReadInput(from, config)
	if faults, bad := err.(invoicing.LineErrors); bad { //nolint:errorlint // ReadInput returns them bare
		return input, fmt.Errorf("%w; nothing was done, as --strict says: correct the input", faults)
	}
	return input, err
}

// play does all that there is to see, in order.
func (v *demoVerb) play(w *world, input invoicing.Input, stages *timeline) (*demoReport, error) {
	p := &performance{world: w, input: input, stages: stages, importer: invoicing.NewImporter(w.transactor, w.actor, v.Clients)}
	report := &demoReport{Input: v.inputName(), Rejected: input.Rejected, Tenant: w.actor.TenantID}
	if report.Rejected == nil {
		report.Rejected = invoicing.LineErrors{}
	}
	for _, scene := range []func(context.Context, *demoReport) error{p.draft, p.live, p.settle, p.judge} {
		if err := scene(w.ctx, report); err != nil {
			return nil, w.because(err)
		}
	}
	report.Stages = stages.done
	report.conclude()
	return report, nil
}

func (v *demoVerb) inputName() string {
	switch v.Input {
	case "":
		return "the sample"
	case "-":
		return "standard input"
	}
	return filepath.Base(v.Input)
}
