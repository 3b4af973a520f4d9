package control

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// goneAfter is how old a heartbeat must be, in seconds, for its relay to count as gone: relays beat every six seconds at least.
const goneAfter = 20

// State is what a relay is doing.
type State string

// The states.
const (
	Leading  State = "leading"  // it publishes
	Standby  State = "standby"  // it waits for the leadership
	Paused   State = "paused"   // by a person; the leader of a stream that is paused is in this state, too
	Stopping State = "stopping" // it settles what is on its way
)

// Relay is what a relay has told of itself in its last heartbeat. Counters begin with the relay.
type Relay struct {
	ID       uuid.UUID       `json:"id"`       // of this run
	Stream   string          `json:"stream"`   // the JetStream stream
	Identity string          `json:"identity"` // host:pid, or what the relay was called
	Host     string          `json:"host"`
	PID      int             `json:"pid"`
	Version  string          `json:"version"`  // of the library; "" where the program does not know
	Settings json.RawMessage `json:"settings"` // an object: how it is configured

	State          State     `json:"state"`
	Leads          bool      `json:"leads"` // it holds the leadership of its stream, by what the database knows
	Gone           bool      `json:"gone"`  // it has not beaten for 20 s: its process has died, or hangs, or can't reach the database
	StartedAt      time.Time `json:"started_at"`
	BeatAt         time.Time `json:"beat_at"`
	BeatSecondsAgo float64   `json:"beat_seconds_ago"` // by the database's clock

	Command   string     `json:"command"` // that it has not taken yet; "" for none
	CommandBy string     `json:"command_by"`
	DumpedAt  *time.Time `json:"dumped_at"` // when its goroutines were dumped last; nil: never. [Stacks] has the dump

	Published   int64   `json:"published"`            // events
	Parked      int64   `json:"parked"`               // events that it left out
	Retried     int64   `json:"retried"`              // times that it began again after an error
	Rate        float64 `json:"rate"`                 // events per second, between its last two heartbeats
	Latency     float64 `json:"latency_seconds"`      // from appended to acknowledged, of the last event that it published
	LatencyP50  float64 `json:"latency_p50_seconds"`  // the same, of half of the events that it published between its last two heartbeats in which there were any,
	LatencyP90  float64 `json:"latency_p90_seconds"`  // of 90 %,
	LatencyP99  float64 `json:"latency_p99_seconds"`  // of 99 %,
	LatencyMax  float64 `json:"latency_max_seconds"`  // and of the slowest; all to 1 %
	LagEvents   int64   `json:"lag_events"`           // of its stream: settled positions that are not published
	LagSeconds  float64 `json:"lag_seconds"`          // of its stream: age of the first event that is not published
	CPU         float64 `json:"cpu"`                  // cores in use, between its last two measurements
	RSS         int64   `json:"rss_bytes"`            // resident memory
	DatabaseRTT float64 `json:"database_rtt_seconds"` // what its last heartbeat took
	BrokerRTT   float64 `json:"broker_rtt_seconds"`   // 0 while the broker can't be reached
	LastError   string  `json:"last_error"`           // why it began again last; stays when that has helped
}

// A leader is known by its identity only: among relays of the same name it is the one that does not stand by.
const relayColumns = `p.id::text, p.relay, p.identity, p.host, p.pid, p.version, p.settings::text, p.state, p.started_at, p.beat_at,
	greatest(extract(epoch FROM clock_timestamp() - p.beat_at), 0)::float8,
	p.state <> 'standby' AND p.identity = contrail.leader(p.relay), coalesce(p.command, ''), p.command_by, p.dumped_at,
	p.published, p.parked, p.retried, p.rate, p.latency, p.lag_events, p.lag_seconds, p.cpu, p.rss, p.database_rtt, p.broker_rtt, p.last_error,
	p.latency_p50, p.latency_p90, p.latency_p99, p.latency_max`

func scanRelay(row pgx.CollectableRow) (r Relay, err error) {
	var id, settings string
	err = row.Scan(&id, &r.Stream, &r.Identity, &r.Host, &r.PID, &r.Version, &settings, &r.State, &r.StartedAt, &r.BeatAt,
		&r.BeatSecondsAgo, &r.Leads, &r.Command, &r.CommandBy, &r.DumpedAt,
		&r.Published, &r.Parked, &r.Retried, &r.Rate, &r.Latency, &r.LagEvents, &r.LagSeconds, &r.CPU, &r.RSS, &r.DatabaseRTT, &r.BrokerRTT, &r.LastError,
		&r.LatencyP50, &r.LatencyP90, &r.LatencyP99, &r.LatencyMax)
	if err != nil {
		return Relay{}, err //nolint:wrapcheck // the caller wraps it
	}
	r.Gone = r.BeatSecondsAgo > goneAfter
	r.Leads = r.Leads && !r.Gone
	r.Settings = json.RawMessage(settings)
	r.ID, err = uuid.Parse(id)
	return r, err //nolint:wrapcheck // likewise
}
