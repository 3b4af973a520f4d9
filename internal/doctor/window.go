package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/contrail-events/contrail/publisher"
)

// What a relay without settings that can be read is taken to have: the defaults.
const (
	usualAckTimeout = 5 * time.Second
	usualRetryMax   = 5 * time.Second
	replacing       = 2 * time.Second // what it takes beside these to replace a leader
)

func checkWindow(ctx context.Context, d *Doctor) ([]Finding, error) {
	info, err := d.streamInfo(ctx, d.config.Stream)
	if err != nil {
		return nil, err
	}
	living, _, err := d.relays(ctx)
	if err != nil {
		return nil, err
	}
	window, span := info.Config.Duplicates, leadersSpan(living)
	with := values{"window_seconds": window.Seconds(), "span_seconds": span.Seconds(), "fence": d.fence(living).String()}
	if d.fence(living) == publisher.LastSequence {
		return good(with, "the fence does not rely on the duplicate window, which is %s", window), nil
	}
	finding := Finding{
		What:   fmt.Sprintf("the duplicate window is %s, and two relays can believe that they lead for %s", window, span),
		Why:    "with the fence msg-id, an event that both publish is there twice when the window has passed in between",
		Do:     fmt.Sprintf("nats stream edit %s --dupe-window=%s", d.config.Stream, max(2*span, publisher.DefaultDuplicates)),
		Values: with,
	}
	switch {
	case window < span:
		finding.Severity = Danger
	case window < 2*span:
		finding.Severity = Warning
	default:
		return good(with, "the duplicate window is %s, and two relays can believe that they lead for %s", window, span), nil
	}
	return []Finding{finding}, nil
}

// leadersSpan is after how long a leader that is not heard of any more is replaced, see publisher.Config.AckTimeout: the longest of all relays.
func leadersSpan(living []livingRelay) time.Duration {
	longest := usualAckTimeout + usualRetryMax + replacing
	for i, relay := range living {
		span := orUsual(relay.settings.AckTimeout, usualAckTimeout) + orUsual(relay.settings.RetryMax, usualRetryMax) + replacing
		words := strings.Fields(relay.settings.Wake) // "safety read is 5s"
		if len(words) > 0 {
			span = max(span, 2*orUsual(words[len(words)-1], 0)+replacing)
		}
		if i == 0 || span > longest {
			longest = span
		}
	}
	return longest
}

func orUsual(text string, usual time.Duration) time.Duration {
	if length, err := time.ParseDuration(text); err == nil {
		return length
	}
	return usual
}
