package main

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/internal/doctor"
	"github.com/contrail-events/contrail/publisher"
)

// doctorVerb examines both servers.
type doctorVerb struct {
	brokerFlags

	DeadLetters string `default:"DEADLETTERS" help:"The JetStream stream of dead letters."`
	Fence       string `default:"last-sequence" enum:"last-sequence,msg-id" help:"The relays' own, for when none of them runs; one of ${enum}."`
	MonitorURL  string `name:"monitor-url" placeholder:"URL" help:"A nats-server's monitoring port, as in http://localhost:8222: what it syncs to disk is told there alone."`

	Check []string      `placeholder:"NAME" help:"Make these checks only, separated by commas; --list names them."`
	List  bool          `help:"List the checks, and make none."`
	Each  time.Duration `default:"10s" help:"How long each check may take."`
	JSON  bool          `name:"json" help:"Print JSON."`

	Appender      time.Duration `default:"10s" help:"Warn of a transaction that has appended and is open for so long; at thirty times that it is a danger."`
	Lag           time.Duration `default:"30s" help:"Warn of an event that waits for the relay for so long; at ten times that it is a danger."`
	Behind        time.Duration `default:"5m" help:"Warn of an event that waits for a consumer for so long; at twelve times that it is a danger."`
	DatabaseBytes int64         `placeholder:"BYTES" help:"Warn of a database as large as that. Default: the room that it has is not known."`
}

// Help teaches.
func (*doctorVerb) Help() string {
	return `Examines the database, the relays, the broker and the consumers for all that endangers what Contrail promises, and prints one line
for each finding: what is so, why that matters, and what to do. "danger" is a promise that is broken, or will be when something else goes
wrong; "warning" is what harm may come of, or what waits for a person; "note" is worth knowing, or a check that could not be made, and
what it lacks. It changes nothing, reads no table of events, and takes some seconds at most.

It examines as the users of DATABASE_URL and NATS_URL: what it says of rights is about them, so run it as the relay's users, and as the
subscribers'. Without one of the two it examines the other. With --quiet it prints warnings and dangers only. It exits 1 if there is a
danger, and 0 if not.

Examples:

  contrail doctor
  contrail doctor --quiet --monitor-url http://localhost:8222
  contrail doctor --check lag,parked,dead-letters
  contrail doctor --json | jq -r '.findings[] | select(.severity == "danger") | .do'`
}

// Run examines.
func (v *doctorVerb) Run(ctx context.Context, a *app) error {
	if v.List {
		return v.list(a)
	}
	if err := v.check(a); err != nil {
		return err
	}
	pool, noDatabase := v.openDatabase(ctx, a)
	if pool != nil {
		defer pool.Close()
	}
	js, closeNATS, noBroker := v.openBroker(ctx, a)
	defer closeNATS()
	if ctx.Err() != nil {
		return context.Cause(ctx) //nolint:wrapcheck // the signal
	}
	examiner, err := doctor.New(pool, js, v.config(noDatabase, noBroker))
	if err != nil {
		return misconfigured(err)
	}
	findings, err := examiner.Run(ctx)
	if err != nil {
		return err
	}
	return v.tell(a, findings)
}

// check refuses what can't be, in words of the command line, before a server is asked.
func (v *doctorVerb) check(a *app) error {
	if a.DatabaseURL == "" && v.NATSURL == "" {
		return usagef("neither a database nor a broker is given; set DATABASE_URL and NATS_URL, or give --database-url and --nats-url")
	}
	known := map[string]bool{}
	for _, check := range doctor.Checks() {
		known[check.Name] = true
	}
	var faults []error
	for _, name := range v.Check {
		if !known[name] {
			faults = append(faults, usagef("there is no check %q; contrail doctor --list names them", name))
		}
	}
	if v.Prefix == "" {
		faults = append(faults, usagef("--prefix is empty; give the first part of the stream's subjects, or leave it out"))
	}
	if address, err := url.Parse(v.MonitorURL); v.MonitorURL != "" && (err != nil || address.Host == "" || address.Scheme != "http" && address.Scheme != "https") {
		faults = append(faults, usagef("--monitor-url is %q; give the URL of the monitoring port, as in http://localhost:8222", v.MonitorURL))
	}
	return errors.Join(append(faults, checkStream(v.Stream), checkStream(v.DeadLetters), atLeast("--each", v.Each, time.Millisecond),
		atLeast("--appender", v.Appender, time.Millisecond), atLeast("--lag", v.Lag, time.Millisecond), atLeast("--behind", v.Behind, time.Millisecond))...)
}

// pooled is how many connections the checks share.
const pooled = 5

// openDatabase is nil where no database is named, or it can't be reached: then why.
func (v *doctorVerb) openDatabase(ctx context.Context, a *app) (*pgxpool.Pool, error) {
	if a.DatabaseURL == "" {
		return nil, nil //nolint:nilnil // nobody has asked for one
	}
	pool, err := a.openPool(ctx, pooled)
	if err != nil {
		return nil, unreached(err, a.databaseFrom)
	}
	return pool, nil
}

// openBroker is likewise, for the broker.
func (v *doctorVerb) openBroker(ctx context.Context, a *app) (js jetstream.JetStream, closeNATS func(), err error) {
	none := func() {}
	if v.NATSURL == "" {
		return nil, none, nil
	}
	if js, closeNATS, err = a.openJetStreamAt(ctx, v.NATSURL); err != nil {
		return nil, none, unreached(err, "NATS_URL")
	}
	return js, closeNATS, nil
}

// unreached is the reason without passwords, and without the advice that a finding has of its own.
func unreached(err error, variable string) error {
	return errors.New(strings.TrimSuffix(sentence(err), "; start it, or correct "+variable))
}

func (v *doctorVerb) config(noDatabase, noBroker error) doctor.Config {
	config := doctor.Config{
		Stream: v.Stream, Prefix: v.Prefix, DeadLetters: v.DeadLetters, Monitor: v.MonitorURL, Only: v.Check, Timeout: v.Each,
		Limits:     doctor.Limits{Appender: v.Appender, Lag: v.Lag, Behind: v.Behind, DatabaseBytes: v.DatabaseBytes},
		NoDatabase: noDatabase, NoBroker: noBroker,
	}
	if v.Fence == publisher.MsgID.String() {
		config.Fence = publisher.MsgID
	}
	return config
}

func (v *doctorVerb) list(a *app) error {
	checks := doctor.Checks()
	if v.JSON {
		return a.printJSON(map[string]any{"checks": checks})
	}
	rows := [][]string{{"check", "what it looks for"}}
	for _, check := range checks {
		rows = append(rows, []string{check.Name, check.About})
	}
	a.printTable(rows)
	return nil
}
