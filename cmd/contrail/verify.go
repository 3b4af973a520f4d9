package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/publisher"
)

// verifyVerb compares the stream with the store.
type verifyVerb struct {
	brokerFlags

	JSON bool          `name:"json" help:"Print JSON."`
	Wait time.Duration `default:"10s" help:"How long a relay that leads and is behind may take to catch up before the comparison; 0s compares at once."`
}

// Help teaches.
func (*verifyVerb) Help() string {
	return `Reads all settled events of the database and all messages of the stream, side by side and in bounded memory, and says
whether the stream holds every event once, in order, and nothing else. It exits 0 if so and 1 if not, and then tells which
positions are missing or there twice (the first thousand of each).

An event that is not relayed yet is missing. So, while a relay leads and is behind, verify waits for it first, for --wait at
most; without a leader it compares at once.

Examples:

  contrail verify
  contrail verify --wait 0s --json | jq .missing`
}

// Run compares.
func (v *verifyVerb) Run(ctx context.Context, a *app) error {
	if v.Wait < 0 {
		return usagef("--wait is %s; give 0s or more", v.Wait)
	}
	pool, err := a.openStore(ctx, 2)
	if err != nil {
		return err
	}
	defer pool.Close()
	js, closeNATS, err := a.openJetStream(ctx, v.brokerFlags)
	if err != nil {
		return err
	}
	defer closeNATS()
	if err := awaitRelay(ctx, pool, js, v.Stream, v.Wait); err != nil {
		return err
	}
	report, err := publisher.Verify(ctx, pool, js, v.Stream)
	if err != nil {
		return err
	}
	if v.JSON {
		err = a.printJSON(report)
	} else {
		a.printVerdict(report)
	}
	if err == nil && !report.OK {
		err = errNotSo
	}
	return err
}

const lookAgain = 20 * time.Millisecond

// awaitRelay returns when the stream has caught up, nobody leads, or the time is over: what is so then is the comparison's to find out.
func awaitRelay(ctx context.Context, pool *pgxpool.Pool, js jetstream.JetStream, stream string, patience time.Duration) error {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	for waiting.Err() == nil {
		status, err := publisher.ReadStatus(waiting, pool, js, stream)
		switch {
		case waiting.Err() != nil:
		case err != nil:
			return err
		case status.LagEvents == 0 || status.Leader == "":
			return nil
		}
		select {
		case <-waiting.Done():
		case <-look.C:
		}
	}
	return ctx.Err() //nolint:wrapcheck // a signal; the end of patience is no error
}

func (a *app) printVerdict(report publisher.Report) {
	if report.OK {
		a.printf("%s\n", a.paint(green, verdict(report)))
		return
	}
	a.printf("%s\n", a.paint(red, verdict(report)))
	a.printPositions("missing", report.Missing, report.MissingTotal)
	a.printPositions("duplicates", report.Duplicates, report.DuplicatesTotal)
}

// verdict is the report in one sentence.
func verdict(r publisher.Report) string {
	if r.OK && r.Events == 0 {
		return "OK: the database has no settled events, and the stream is empty of them."
	}
	if r.OK {
		return fmt.Sprintf("OK: the stream holds all %s, each once and in order.", plural(r.Events, "event"))
	}
	var faults []string
	for _, fault := range []struct {
		count int64
		text  string
	}{
		{r.MissingTotal, "missing from the stream"},
		{r.DuplicatesTotal, "there more than once"},
		{r.OutOfOrder, "out of order"},
		{r.Foreign, "not of this database"},
	} {
		if fault.count > 0 {
			faults = append(faults, thousands(fault.count)+" "+fault.text)
		}
	}
	return fmt.Sprintf("NOT OK: of %s, the stream holds %s; %s.", plural(r.Events, "event"), thousands(r.Published), strings.Join(faults, ", "))
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
