package doctor

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// enough replicas survive the loss of one.
const enough = 3

func checkReplicas(ctx context.Context, d *Doctor) ([]Finding, error) {
	streams, err := d.ourStreams(ctx)
	if err != nil {
		return nil, err
	}
	of := 0
	for _, info := range streams {
		if info.Config.Name == d.config.Stream {
			of = info.Config.Replicas
		}
	}
	var found []Finding
	for _, info := range streams {
		found = append(found, d.replicated(info, of)...)
	}
	return orGood(found, values{"replicas": of}, "each stream has %d replicas, and they are there", of), nil
}

// replicated is about one stream, beside that of the events.
func (d *Doctor) replicated(info *jetstream.StreamInfo, events int) []Finding {
	name, replicas := info.Config.Name, info.Config.Replicas
	with := values{"stream": name, "replicas": replicas}
	edit := fmt.Sprintf("nats stream edit %s --replicas=%d", name, max(events, enough))
	single := d.js.Conn().ConnectedClusterName() == ""
	var found []Finding
	switch {
	case single && replicas == 1 && name == d.config.Stream:
		found = append(found, Finding{
			Severity: Note, What: fmt.Sprintf("the broker is a single server: stream %s has one replica", name), Why: "while it is down nothing is published, and its disk is the only one",
			Do: "run a cluster of three where that matters", Values: with,
		})
	case !single && replicas < enough && name == d.config.Stream:
		found = append(found, Finding{
			Severity: Warning, What: fmt.Sprintf("stream %s has %d replicas in a cluster", name, replicas), Why: "with one server gone nothing is published, or worse, its events are gone",
			Do: edit, Values: with,
		})
	case replicas < events:
		found = append(found, Finding{
			Severity: Warning, What: fmt.Sprintf("stream %s has %d replicas, the events have %d", name, replicas, events), Why: "with one server gone dead letters, advisories or partitions are out of reach",
			Do: edit, Values: with,
		})
	}
	return append(found, d.present(info)...)
}

// present is about replicas that are not there, or behind.
func (d *Doctor) present(info *jetstream.StreamInfo) []Finding {
	if info.Cluster == nil || info.Config.Replicas == 1 {
		return nil
	}
	name := info.Config.Name
	var missing []string
	for _, peer := range info.Cluster.Replicas {
		if peer.Offline || !peer.Current {
			missing = append(missing, peer.Name)
		}
	}
	with := values{"stream": name, "leader": info.Cluster.Leader, "missing": missing}
	present := info.Config.Replicas - len(missing)
	switch {
	case info.Cluster.Leader == "", present <= info.Config.Replicas/2:
		return []Finding{{
			Severity: Danger, What: fmt.Sprintf("stream %s has no majority of its replicas, or no leader", name), Why: "nothing is published to it, nor read from it",
			Do: "start the servers that are missing", Values: with,
		}}
	case len(missing) > 0:
		return []Finding{{
			Severity: Warning, What: fmt.Sprintf("replicas of stream %s are gone or behind: %v", name, missing), Why: "one more, and nothing is published",
			Do: "start these servers, or look what keeps them busy", Values: with,
		}}
	}
	return nil
}
