package main

import (
	"io"
	"log/slog"
	"time"

	"github.com/contrail-events/contrail/internal/telemetry"
)

const description = `An event-sourced outbox over PostgreSQL and NATS JetStream.

A service appends events to the table contrail.events in its own transactions; "contrail relay" publishes them to a JetStream
stream, each once and in order; subscribers handle them. Begin with "contrail demo", which needs nothing but this program. Then:
"contrail migrate" for your database, "contrail relay" beside it, and "contrail status" and "contrail verify" to look after
both.

Results go to standard output, logs and errors to standard error. What flags say can come from variables and from a file instead:
"contrail config --help". "contrail completion" and "contrail man" make a shell know the program.`

// globals are the flags that every verb takes. Each flag has an environment variable, which its help names.
type globals struct {
	ConfigFile     string        `name:"config" type:"path" placeholder:"FILE" help:"The configuration file; contrail config --help tells which one is taken without."`
	DatabaseURL    string        `name:"database-url" env:"DATABASE_URL" placeholder:"URL" help:"PostgreSQL 14 or later, as in postgres://user:password@host:5432/database."`
	ConnectTimeout time.Duration `default:"10s" placeholder:"10s" help:"How long connecting to a server may take."`
	LogLevel       string        `default:"auto" enum:"auto,debug,info,warn,error" help:"One of ${enum}. auto is what --quiet and --verbose say, or else info for the verbs that run until a signal comes, warn for the others."`
	LogFormat      string        `default:"text" enum:"text,json" help:"One of ${enum}. Logs go to standard error."`
	Quiet          bool          `short:"q" help:"Nothing but the result and errors: no progress bars, no notes, no warnings in the log."`
	Verbose        int           `short:"v" type:"counter" help:"Log for debugging; twice: each statement that the database gets, too."`
	Color          string        `default:"auto" enum:"auto,always,never" help:"One of ${enum}. auto heeds NO_COLOR and CLICOLOR_FORCE, and colours only on a terminal."`
}

// cli is the whole command line.
type cli struct {
	globals

	Completion    completionVerb    `cmd:"" help:"Print a script with which bash, zsh or fish complete what is typed."`
	Config        configVerb        `cmd:"" help:"Show the settings and where they come from, or print a configuration file."`
	Dashboard     dashboardVerb     `cmd:"" help:"Serve pages on which one sees how things stand, finds any event and what became of it, and acts."`
	DeadLetters   deadLettersVerb   `cmd:"" help:"List, show, requeue, discard and purge the events that a subscription could not handle."`
	Deliveries    deliveriesVerb    `cmd:"" help:"List, show, redrive, cancel, recover and purge what subscribers do outside the database."`
	Demo          demoVerb          `cmd:"" help:"Show the whole way: draft invoices, relay their events, handle them, verify."`
	Doctor        doctorVerb        `cmd:"" help:"Examine both servers, the relays and the consumers, and say what endangers the promises."`
	Drain         drainVerb         `cmd:"" help:"Relay all that is settled now, and say what is left."`
	Events        eventsVerb        `cmd:"" help:"List, show, append, import, export and follow events."`
	Health        healthVerb        `cmd:"" help:"Ask a process that runs whether it makes progress, and is ready."`
	HelpVerb      helpVerb          `cmd:"" name:"help" help:"Print the manual of the program or of a verb."`
	Invoices      invoicesVerb      `cmd:"" help:"Import, list and show the invoices of the worked example."`
	Keys          keysVerb          `cmd:"" help:"Look after the keys of persons: list them, erase a person, change the key-encryption key."`
	Load          loadVerb          `cmd:"" help:"Append events at a given rate, and time each from the append to a subscriber."`
	Man           manVerb           `cmd:"" help:"Write man pages."`
	Migrate       migrateVerb       `cmd:"" help:"Create or update Contrail's tables in a database."`
	Parked        parkedVerb        `cmd:"" help:"List, show, requeue, discard and purge the events that a relay has left out."`
	Projections   projectionsVerb   `cmd:"" help:"List, pause, resume and rebuild projections."`
	Rebuild       rebuildVerb       `cmd:"" help:"Fill a stream that is new or was emptied."`
	Relay         relayVerb         `cmd:"" help:"Relay events from the database to the stream until a signal comes."`
	Relays        relaysVerb        `cmd:"" help:"List the relays that run; pause, resume, stop and dump them."`
	Runs          runsVerb          `cmd:"" help:"List, show, retry, cancel and purge runs: handlers of several steps."`
	Serve         serveVerb         `cmd:"" help:"Serve the worked example's HTTP API until a signal comes."`
	Subscribe     subscribeVerb     `cmd:"" help:"Run the worked example's consumers until a signal comes: read models, mails, reminders, webhooks."`
	Subscriptions subscriptionsVerb `cmd:"" help:"List subscriptions; pause, resume, reset and replay them."`
	Status        statusVerb        `cmd:"" help:"Tell how far the stream is behind the database, and who leads."`
	Verify        verifyVerb        `cmd:"" help:"Compare the stream with the database, event by event."`
	Version       versionVerb       `cmd:"" help:"Print the version."`
	Webhooks      webhooksVerb      `cmd:"" help:"Add, list, test, disable, rotate and run HTTP endpoints that events are posted to."`
}

// app is what every verb works with.
type app struct {
	globals

	verb           string
	databaseFrom   string // which variable or flag names the database
	stdout, stderr io.Writer
	unwritten      error // why the first write of a result failed
	log            *slog.Logger
	telemetry      *telemetry.Telemetry // nil: the verb tells nothing
}

func newApp(flags globals, verb string, stdout, stderr io.Writer) *app {
	return &app{globals: flags, verb: verb, databaseFrom: "DATABASE_URL", stdout: stdout, stderr: stderr, log: newLogger(flags, verb, stderr)}
}
