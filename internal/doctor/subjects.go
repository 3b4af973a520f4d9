package doctor

import (
	"context"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/publisher"
)

func checkSubjects(ctx context.Context, d *Doctor) ([]Finding, error) {
	info, err := d.findStream(ctx, d.config.Stream)
	if err != nil {
		return nil, err
	}
	own := d.config.Prefix + ".>"
	var found []Finding
	if info != nil {
		shared := d.relayedFence(ctx) == publisher.MsgID
		got := info.Config.Subjects
		covered := slices.ContainsFunc(got, func(subject string) bool { return covers(subject, own) })
		with := values{"subjects": got, "wanted": own}
		switch {
		case !covered:
			found = append(found, Finding{
				Severity: Danger, What: fmt.Sprintf("stream %s takes %v, and not all of %s", d.config.Stream, got, own), Why: "events on the others are refused",
				Do: fmt.Sprintf("nats stream edit %s --subjects=%s, or give --prefix", d.config.Stream, own), Values: with,
			})
		case !shared && !slices.Equal(got, []string{own}):
			found = append(found, Finding{
				Severity: Danger, What: fmt.Sprintf("stream %s takes %v, more than %s", d.config.Stream, got, own), Why: "others can write there, and break the fence; the relay refuses the stream",
				Do: fmt.Sprintf("nats stream edit %s --subjects=%s, or --fence msg-id where that is meant", d.config.Stream, own), Values: with,
			})
		}
	}
	others := d.js.ListStreams(ctx, jetstream.WithStreamListSubject(own))
	for other := range others.Info() {
		if other.Config.Name != d.config.Stream {
			found = append(found, Finding{
				Severity: Danger, What: fmt.Sprintf("stream %s takes %v, of the relay's subjects %s", other.Config.Name, other.Config.Subjects, own),
				Why: "the broker gives a subject to one stream only: the relay's can't be created with it, or misses these events",
				Do:  "take the subjects from that stream, or give the relay another --prefix", Values: values{"stream": other.Config.Name, "subjects": other.Config.Subjects},
			})
		}
	}
	if err := others.Err(); err != nil {
		return found, fmt.Errorf("look for streams that take %s: %w", own, err)
	}
	return orGood(found, values{"wanted": own}, "no other stream takes %s", own), nil
}
