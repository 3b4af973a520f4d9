package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/contrail-events/contrail/internal/load"
)

// mostLoadRows of the throughput's table are shown; several intervals share a row where there are more.
const mostLoadRows = 20

func (a *app) printLoad(r load.Report) {
	a.printf("\n")
	a.printTable(latencyRows(r.Latency), 1, 2, 3, 4, 5)
	a.printf("\n")
	a.printTable(throughputRows(r.Intervals), 0, 1, 2, 3)
	a.printf("\n%s appended in %s, %s a second; %s published, %s a second; %s handled, %s a second\n",
		plural(r.Appended, "event"), seconds(r.Seconds), tenths(r.Throughput.Appended), thousands(r.Published), tenths(r.Throughput.Published),
		thousands(r.Handled), tenths(r.Throughput.Handled))
	for _, note := range loadNotes(r) {
		a.printf("%s\n", note)
	}
	if r.OK {
		a.printf("%s\n", a.paint(green, fmt.Sprintf("OK: all %s arrived once, in the order of their streams.", plural(r.Appended-r.Outstanding, "event"))))
		return
	}
	a.printf("%s\n", a.paint(red, "NOT OK: "+strings.Join(loadFaults(r), "; ")+"."))
}

func latencyRows(all load.Latencies) [][]string {
	rows := [][]string{{"milliseconds", "p50", "p90", "p99", "p99.9", "max"}}
	for _, one := range []struct {
		name string
		load.Latency
	}{{"append", all.Append}, {"publish", all.Publish}, {"handle", all.Handle}, {"end to end", all.EndToEnd}} {
		row := []string{one.name}
		for _, value := range []float64{one.P50, one.P90, one.P99, one.P999, one.Max} {
			row = append(row, milliseconds(value))
		}
		rows = append(rows, row)
	}
	return rows
}

func throughputRows(intervals []load.Interval) [][]string {
	rows := [][]string{{"from second", "appended", "published", "handled"}}
	each := (len(intervals) + mostLoadRows - 1) / mostLoadRows
	for i := 0; i < len(intervals); i += each {
		var sum load.Interval
		for _, one := range intervals[i:min(i+each, len(intervals))] {
			sum.Appended, sum.Published, sum.Handled = sum.Appended+one.Appended, sum.Published+one.Published, sum.Handled+one.Handled
		}
		from := strconv.FormatFloat(intervals[i].From, 'f', -1, 64)
		rows = append(rows, []string{from, thousands(sum.Appended), thousands(sum.Published), thousands(sum.Handled)})
	}
	return rows
}

// loadNotes are what one should know of the figures.
func loadNotes(r load.Report) (notes []string) {
	if r.Interrupted {
		notes = append(notes, "A signal ended it early.")
	}
	if r.Outstanding > 0 {
		notes = append(notes, plural(r.Outstanding, "event")+" "+agree(r.Outstanding, "was", "were")+" still on the way then.")
	}
	if r.HeldBack > 0 {
		notes = append(notes, plural(r.HeldBack, "transaction")+" waited because too many events were on their way (--outstanding).")
	}
	if r.Retries > 0 {
		notes = append(notes, plural(r.Retries, "append")+" failed for a passing reason and "+agree(r.Retries, "was", "were")+" tried again; the log says why.")
	}
	if r.ClockSeconds != 0 {
		notes = append(notes, fmt.Sprintf("The broker's clock is %s ms ahead of this machine's, which is taken out of publish.", milliseconds(r.ClockSeconds)))
	}
	return notes
}

// loadFaults are why a run is not sound.
func loadFaults(r load.Report) (faults []string) {
	add := func(n int64, verb, text string) {
		if n > 0 {
			faults = append(faults, plural(n, "event")+verb+text)
		}
	}
	add(r.Lost, "", " did not arrive")
	add(r.Doubled, "", " arrived once more")
	add(r.OutOfOrder, "", " arrived after later ones of "+agree(r.OutOfOrder, "its stream", "their streams"))
	add(r.Abandoned, " ", agree(r.Abandoned, "was", "were")+" not appended, as far as one knows: the database was gone for too long")
	if r.RateMissed {
		faults = append(faults, fmt.Sprintf("the rate was missed: %s a second instead of %s; lower --rate, or try more --concurrency or --batch",
			tenths(float64(r.Appended)/max(r.Seconds, 0.001)), tenths(r.Asked.Rate)))
	}
	return faults
}

// milliseconds writes seconds with two digits behind the point.
func milliseconds(s float64) string { return decimals(1000*s, 2) }

func tenths(n float64) string { return decimals(n, 1) }

// decimals writes 1234567.891 as 1,234,567.89.
func decimals(n float64, digits int) string {
	whole, rest, _ := strings.Cut(strconv.FormatFloat(n, 'f', digits, 64), ".")
	parsed, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || parsed < 1000 {
		return whole + "." + rest
	}
	return thousands(parsed) + "." + rest
}
