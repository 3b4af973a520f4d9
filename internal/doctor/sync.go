package doctor

import (
	"context"
	"fmt"
)

func checkSync(ctx context.Context, d *Doctor) ([]Finding, error) {
	server, err := d.monitored(ctx)
	if err != nil {
		return noted("not examined: "+oneLine(err), "correct --monitor-url"), nil
	}
	if server == nil {
		return noted("not examined: when the broker syncs to disk is told by its monitoring port alone", "name it (--monitor-url http://host:8222)"), nil
	}
	config := server.JetStream.Config
	with := values{"server": server.Name, "cluster": server.Cluster.Name, "sync_always": config.SyncAlways, "sync_interval_seconds": config.SyncInterval.Seconds()}
	if config.SyncAlways {
		return good(with, "server %s syncs what it acknowledges", server.Name), nil
	}
	finding := Finding{
		Severity: Warning, What: fmt.Sprintf("server %s syncs to disk every %s, and acknowledges before", server.Name, config.SyncInterval), Values: with,
		Why: "a power cut takes what was acknowledged since; the relay sends it again, and consumers may see a sequence twice",
		Do:  "jetstream { sync_interval: always } in its configuration",
	}
	if server.Cluster.Name != "" {
		finding.Severity = Note
		finding.Why = "a power cut that takes all replicas takes what was acknowledged since; the relay sends it again"
		finding.Do = "weigh it: sync_interval: always costs speed, and replicas in different zones don't lose power together"
	}
	return []Finding{finding}, nil
}
