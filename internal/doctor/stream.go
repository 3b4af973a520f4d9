package doctor

import (
	"context"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// fault is one thing that the configuration of the stream must not say. The relay refuses such a stream.
type fault struct {
	broken    bool
	what, why string
	do        string
}

func checkStream(ctx context.Context, d *Doctor) ([]Finding, error) {
	info, err := d.findStream(ctx, d.config.Stream)
	if err != nil {
		return nil, err
	}
	if info == nil {
		return d.noStream(ctx)
	}
	config, name := info.Config, info.Config.Name
	edit := "nats stream edit " + name + " "
	another := "give the relay another stream (--stream, --prefix)"
	found := d.faulty([]fault{
		{config.Sealed, "is sealed", "nothing can be published to it", another},
		{config.AllowMsgCounter, "is a counter", "it takes no events", another},
		{config.NoAck, "acknowledges nothing (NoAck)", "the relay does not learn what was stored", edit + "--ack"},
		{!config.DenyDelete, "lets messages be deleted", "an event can go before every consumer has it, unseen by the relay", edit + "--deny-delete"},
		{!config.DenyPurge, "lets itself be purged", "events can go before every consumer has them", edit + "--deny-purge"},
		{config.SubjectTransform != nil, "changes subjects (SubjectTransform)", "consumers that filter by subject miss events", "take it away from the stream"},
		{config.Mirror != nil || len(config.Sources) > 0, "copies others (Mirror or Sources)", "somebody else writes to it", "take them away from the stream"},
	}, name)
	return orGood(found, values{"messages": info.State.Msgs, "bytes": info.State.Bytes, "last_sequence": info.State.LastSeq}, "stream %s has %d messages", name, info.State.Msgs), nil
}

// faulty are the findings on a stream that the relay refuses.
func (d *Doctor) faulty(faults []fault, name string) []Finding {
	var found []Finding
	for _, one := range faults {
		if one.broken {
			found = append(found, Finding{
				Severity: Danger, What: "stream " + name + " " + one.what, Why: one.why + "; the relay refuses the stream", Do: one.do, Values: values{"stream": name},
			})
		}
	}
	return found
}

// noStream is about a stream that is missing: it is no loss only if nothing was ever published to it.
func (d *Doctor) noStream(ctx context.Context) ([]Finding, error) {
	missing := noted("there is no stream "+d.config.Stream+" yet", "start contrail relay, which creates it")
	if d.pool == nil {
		return missing, nil
	}
	position, sequence, err := d.cursor(ctx)
	if err != nil || sequence == 0 {
		return missing, nil //nolint:nilerr // other checks say what is with the database
	}
	return []Finding{{
		Severity: Danger, What: fmt.Sprintf("stream %s is gone: it had %d messages", d.config.Stream, sequence), Why: "whoever has not consumed them misses them; the relay stops",
		Do:     "look whether NATS_URL, account and domain are the right ones; restore the stream, or contrail rebuild",
		Values: values{"position": position, "sequence": sequence},
	}}, nil
}

// ourStreams are those that Contrail keeps for the stream of events: it, the dead letters, the broker's advisories, the partitions of subscriptions.
func (d *Doctor) ourStreams(ctx context.Context) ([]*jetstream.StreamInfo, error) {
	var ours []*jetstream.StreamInfo
	listing, cancel := context.WithTimeout(ctx, d.config.Timeout/3)
	defer cancel()
	list := d.js.ListStreams(listing)
	for info := range list.Info() {
		name := info.Config.Name
		if name == d.config.Stream || name == d.config.DeadLetters || name == advisories || info.Config.Metadata[metadataStream] == d.config.Stream {
			ours = append(ours, info)
		}
	}
	// A cluster that has just lost a server does not answer until it has another leader, while the streams' own leaders do.
	if err := list.Err(); err != nil && (listing.Err() == nil || d.isForbidden(err)) {
		return nil, fmt.Errorf("list streams: %w", err)
	}
	named := func(info *jetstream.StreamInfo) bool { return info.Config.Name == d.config.Stream }
	if slices.ContainsFunc(ours, named) {
		return ours, nil
	}
	events, err := d.findStream(ctx, d.config.Stream) // the list of a cluster may leave out what has just been made, or whose leader is silent
	if events != nil {
		ours = append(ours, events)
	}
	if err == nil && len(ours) == 0 {
		err = fmt.Errorf("list streams: %w", jetstream.ErrStreamNotFound)
	}
	return ours, err
}
