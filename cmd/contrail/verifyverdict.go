package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/publisher"
)

func (a *app) printVerdict(stream string, report publisher.Report) {
	if report.OK {
		a.printf("%s\n", a.paint(green, verdict(stream, report)))
		return
	}
	a.printf("%s\n", a.paint(red, verdict(stream, report)))
	a.printPositions("missing", report.Missing, report.MissingTotal)
	a.printPositions("duplicates", report.Duplicates, report.DuplicatesTotal)
	a.printPositions("altered", report.Altered, report.AlteredTotal)
}

// verdict is the report in one sentence.
func verdict(stream string, r publisher.Report) string {
	if !r.OK {
		return faults(stream, r)
	}
	if r.Events == 0 {
		return "OK: the database has no settled events, and the stream is empty of them."
	}
	held := "all " + plural(r.Events, "event")
	if r.Discarded > 0 {
		held = fmt.Sprintf("all of %s but %s discarded", plural(r.Events, "event"), thousands(r.Discarded))
	}
	text := "OK: the stream holds " + held + ", each once and in order"
	if r.Resent > 0 {
		text += fmt.Sprintf(", but for %s that %s resent", thousands(r.Resent), agree(r.Resent, "was", "were"))
	}
	if r.Foreign > 0 {
		text += ", and " + plural(r.Foreign, "message") + " of others"
	}
	return text + "."
}

// faults says what is wrong.
func faults(stream string, r publisher.Report) string {
	var texts []string
	for _, fault := range []struct {
		count int64
		text  string
	}{
		{r.MissingTotal, "missing from the stream"},
		{r.Parked, "parked (see contrail parked list" + onStream(stream) + ")"},
		{r.Requeued, "requeued and not published yet"},
		{r.DuplicatesTotal, "there more than once"},
		{r.OutOfOrder, "out of order"},
		{r.AlteredTotal, "altered"},
		{r.Foreign - r.Unknown, "not of this database"},
		{r.Unknown, "of this database as it no longer is: it was set back"},
	} {
		if fault.count > 0 {
			texts = append(texts, thousands(fault.count)+" "+fault.text)
		}
	}
	return fmt.Sprintf("NOT OK: of %s, the stream holds %s; %s.", plural(r.Events, "event"), thousands(r.Published), strings.Join(texts, ", "))
}

func (a *app) printPositions(what string, listed []contrail.Position, total int64) {
	const shown = 20
	if total == 0 {
		return
	}
	var texts []string
	for _, position := range listed[:min(len(listed), shown)] {
		texts = append(texts, strconv.FormatInt(int64(position), 10))
	}
	more := ""
	if total > int64(len(texts)) {
		more = fmt.Sprintf(" and %s more (--json lists up to %s)", thousands(total-int64(len(texts))), thousands(publisher.MaxListed))
	}
	a.printf("  %s: positions %s%s\n", what, strings.Join(texts, ", "), more)
}
