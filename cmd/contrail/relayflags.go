package main

import (
	"errors"
	"time"

	"github.com/contrail-events/contrail/publisher"
)

// messageFlags say what a relay makes of an event. A verb that relays for once must be told what the stream's own relay is told.
type messageFlags struct {
	Name    string `help:"The service's name, shown in each message's source: /contrail/<name>/<store id>. Default: none."`
	Format  string `default:"structured" enum:"structured,binary" help:"One of ${enum}: a CloudEvent as JSON, or the data alone with the attributes in headers."`
	Subject string `default:"{category}.{id}.{type}" help:"What follows the prefix: tokens with {category}, {id}, {type} and any metadata key, as in {tenant_id}.{category}.{id}.{type}."`
	Fence   string `default:"last-sequence" enum:"last-sequence,msg-id" help:"One of ${enum}. With msg-id the stream is shared with other writers."`
}

// apply fills in what the flags say.
func (f messageFlags) apply(cfg publisher.Config) publisher.Config {
	cfg.Name, cfg.Subject = f.Name, f.Subject
	if f.Format == publisher.Binary.String() {
		cfg.Format = publisher.Binary
	}
	if f.Fence == publisher.MsgID.String() {
		cfg.Fence = publisher.MsgID
	}
	return cfg
}

// relayFlags are those of the verbs that relay.
type relayFlags struct {
	messageFlags

	Identity string `help:"The relay's name for people, in status and logs. Default: host:pid."`
	Replicas int    `default:"1" help:"Replicas of a stream that the relay creates, 1 to 5. An existing stream keeps its own."`

	BatchEvents int           `default:"500" help:"Events in one batch, at most."`
	BatchBytes  int           `default:"4194304" help:"Bytes of data in one batch, about."`
	InFlight    int           `default:"4" help:"Batches on their way at once."`
	AckTimeout  time.Duration `default:"5s" help:"How long an acknowledgement of the broker may take; it bounds the drain, too."`
	RetryMin    time.Duration `default:"50ms" help:"The first pause after a transient error; it doubles."`
	RetryMax    time.Duration `default:"5s" help:"The longest pause after a transient error."`

	HeartbeatInterval time.Duration `default:"5s" help:"How often the relay tells how it fares and takes what it is told, 1s to 5s."`

	OnPermanent string `default:"park" enum:"park,per-stream,halt" help:"What to do with an event that is refused again and again, one of ${enum}: leave it out and go on; leave it out and hold the later events of its stream; stop."`
	Attempts    int    `default:"8" help:"How often an event may be refused before that."`

	wakeFlags
}

// check refuses what the library would take for left out.
func (f relayFlags) check() error {
	return errors.Join(
		f.wakeFlags.check(), atLeast("--batch-events", f.BatchEvents, 1), atLeast("--batch-bytes", f.BatchBytes, 1), atLeast("--in-flight", f.InFlight, 1),
		atLeast("--ack-timeout", f.AckTimeout, time.Millisecond), atLeast("--retry-min", f.RetryMin, time.Millisecond),
		atLeast("--retry-max", f.RetryMax, time.Millisecond), atLeast("--attempts", f.Attempts, 1), atLeast("--replicas", f.Replicas, 1),
		atLeast("--heartbeat-interval", f.HeartbeatInterval, time.Second),
	)
}

func (f relayFlags) config(a *app, broker brokerFlags) (publisher.Config, error) {
	permanent, err := publisher.ParseOnPermanent(f.OnPermanent)
	return f.apply(publisher.Config{
		Stream: broker.Stream, Prefix: broker.Prefix, Replicas: f.Replicas, Identity: f.Identity,
		BatchEvents: f.BatchEvents, BatchBytes: f.BatchBytes, InFlight: f.InFlight, AckTimeout: f.AckTimeout, Heartbeat: f.HeartbeatInterval,
		Wake: f.choice(), RetryMin: f.RetryMin, RetryMax: f.RetryMax, OnPermanent: permanent, Attempts: f.Attempts, Logger: a.log,
		Tracer: a.telemetry.Tracer(), Meter: a.telemetry.Meter(),
	}), err
}
