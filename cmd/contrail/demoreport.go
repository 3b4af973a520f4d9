package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/publisher"
)

// demoReport is what --json prints.
type demoReport struct {
	Input         string               `json:"input"`
	Tenant        string               `json:"tenant"`
	Organisations int                  `json:"organisations"`
	Contacts      int                  `json:"contacts"`
	Invoices      int64                `json:"invoices"` // that were drafted
	LineItems     int                  `json:"line_items"`
	DraftedTotal  map[string]string    `json:"drafted_total"` // by currency, over the InvoiceDrafted events
	Rejected      invoicing.LineErrors `json:"rejected"`      // lines of the input

	Stages []stage `json:"stages"`

	Events       int64 `json:"events"`  // that this run appended
	Handled      int64 `json:"handled"` // those that the notifications are about
	Duplicates   int64 `json:"duplicates"`
	DeadLettered int64 `json:"dead_lettered"`

	Notified   int64         `json:"notified"`   // invoices that were mailed
	Suppressed int64         `json:"suppressed"` // invoices that were voided or deleted before that
	Reminders  demoReminders `json:"reminders"`
	Overdue    int64         `json:"overdue"` // invoices, today

	Summary   []invoicing.Summary  `json:"summary"`
	ReadModel invoicing.Comparison `json:"read_model"`
	Verify    publisher.Report     `json:"verify"`
	Seconds   float64              `json:"seconds"`
	OK        bool                 `json:"ok"` // verify and read_model are, and no line was rejected
}

func (r *demoReport) conclude() {
	r.OK = r.Verify.OK && r.ReadModel.OK && r.DeadLettered == 0 && len(r.Rejected) == 0
}

// verdict is the error to exit with.
func (r *demoReport) verdict(input invoicing.Input) error {
	switch {
	case r.OK:
		return nil
	case !r.Verify.OK, !r.ReadModel.OK, r.DeadLettered > 0:
		return errNotSo // the report has told
	}
	return rejection(input, "the others were processed")
}

// rejection counts the bad lines, which printFaults has told of.
func rejection(input invoicing.Input, others string) error {
	bad := len(input.Rejected)
	return fmt.Errorf("%s of %s %s rejected; %s: correct the input",
		thousands(bad), plural(bad+len(input.Invoices), "line"), agree(bad, "was", "were"), others)
}

// printFaults tells of each bad line.
func (a *app) printFaults(input invoicing.Input) {
	for _, fault := range input.Rejected {
		_, _ = fmt.Fprintf(a.stderr, "contrail demo: %s\n", printable(fault.Error())) // there is nobody left to tell
	}
}

// announce says what is about to happen.
func (a *app) announce(v *demoVerb, input invoicing.Input) {
	if !v.JSON {
		a.note("%s\n\n", a.paint(bold, fmt.Sprintf("contrail demo: %s from %s", plural(len(input.Invoices), "invoice"), v.inputName())))
	}
}

func (a *app) printDemo(r *demoReport, stream string, asJSON bool) error {
	if asJSON {
		return a.printJSON(r)
	}
	a.printf("\n%s\n\n", a.paint(bold, "invoices by organisation"))
	a.printTable(summaryRows(r.Summary), 2, 4)
	a.printf("\ndrafted in total: %s\n", totals(r.DraftedTotal))
	a.printf("%s appended, %s handled by %s, %s dead letters, %d already handled before\n",
		plural(r.Events, "event"), thousands(r.Handled), invoicing.NotificationsDurable, thousands(r.DeadLettered), r.Duplicates)
	a.printf("%s mailed, %s voided or deleted before that; reminders: %s waiting, %s cancelled; %s overdue\n", plural(r.Notified, "invoice"),
		thousands(r.Suppressed), thousands(r.Reminders.Waiting), thousands(r.Reminders.Cancelled), plural(r.Overdue, "invoice"))
	a.printVerdict(stream, r.Verify)
	a.printComparison(r.ReadModel)
	a.printf("%.1f s in all\n", r.Seconds)
	return nil
}

func summaryRows(summaries []invoicing.Summary) [][]string {
	rows := [][]string{{"organisation", "status", "invoices", "", "amount"}}
	for _, summary := range summaries {
		name := summary.Organisation
		for _, line := range summary.Lines {
			rows = append(rows, []string{name, string(line.Status), thousands(line.Invoices), line.SubTotal.CurrencyCode(), line.SubTotal.Amount()})
			name = "" // once is enough
		}
	}
	return rows
}

func totals(byCurrency map[string]string) string {
	var texts []string
	for _, currency := range slices.Sorted(maps.Keys(byCurrency)) {
		texts = append(texts, currency+" "+byCurrency[currency])
	}
	return strings.Join(texts, ", ")
}

func (a *app) printComparison(c invoicing.Comparison) {
	if c.OK {
		a.printf("%s\n", a.paint(green, fmt.Sprintf("OK: the read models are what %s and %s say.",
			plural(c.Organisations, "organisation"), plural(c.Invoices, "invoice"))))
		return
	}
	a.printf("%s\n", a.paint(red, fmt.Sprintf("NOT OK: the read models differ from the aggregates in %s.", plural(len(c.Differences), "place"))))
	for _, difference := range c.Differences {
		a.printf("  %s\n", difference)
	}
}

// printExports says how to connect. With --json it goes to standard error: standard output carries one object.
func (w *world) printExports(api, board string) error {
	s, to := w.servers, w.app.stdout
	if w.verb.JSON {
		to = w.app.stderr
	}
	lines := []string{
		"", "Everything keeps running until you press Ctrl-C. The dashboard: " + board, "In another terminal:", "",
		"  export DATABASE_URL=" + quote(s.databaseURL), "  export NATS_URL=" + quote(s.natsURL),
	}
	if s.stream != wire.DefaultStream {
		lines = append(lines, "  export CONTRAIL_STREAM="+quote(s.stream))
	}
	if s.prefix != wire.DefaultPrefix {
		lines = append(lines, "  export CONTRAIL_PREFIX="+quote(s.prefix))
	}
	lines = append(lines, "  export CONTRAIL_TENANT="+quote(w.actor.TenantID), "",
		"  curl -H 'X-Tenant-Id: "+w.actor.TenantID+"' "+api+"/accountify/invoice     # every route: "+api+"/docs",
		"  contrail invoices list", "  contrail status")
	if s.scratch != "" {
		lines = append(lines, "", "The database "+s.scratch+" stays after that: drop it when you are done.")
	}
	if s.borrowed {
		lines = append(lines, "The streams "+s.stream+" and "+s.deadLetters+" stay after that: delete them when you are done.")
	}
	if _, err := fmt.Fprintln(to, strings.Join(lines, "\n")); err != nil {
		return fmt.Errorf("write how to connect: %w", err)
	}
	return nil
}

// quote writes a text so that a shell takes it as it is.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
