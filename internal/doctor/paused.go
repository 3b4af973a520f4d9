package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/contrail-events/contrail/publisher/control"
)

func checkPaused(ctx context.Context, d *Doctor) ([]Finding, error) {
	streams, err := control.Streams(ctx, d.pool, d.config.Stream)
	if err != nil {
		return nil, err
	}
	for _, stream := range streams {
		if stream.PausedAt != nil {
			return []Finding{{
				Severity: Warning, What: pausedText("stream "+stream.Name, *stream.PausedAt, stream.PausedBy, stream.PausedBecause), Why: "nothing is published meanwhile",
				Do: "contrail relays resume", Values: values{"paused_at": stream.PausedAt, "paused_by": stream.PausedBy, "paused_because": stream.PausedBecause},
			}}, nil
		}
	}
	return good(nil, "the stream is not paused"), nil
}

// pausedText is what a person has paused, since when, and why.
func pausedText(what string, at time.Time, by, because string) string {
	text := fmt.Sprintf("%s is paused since %s", what, at.UTC().Format(time.RFC3339))
	if by != "" {
		text += " by " + by
	}
	if because != "" {
		text += ": " + because
	}
	return text
}
