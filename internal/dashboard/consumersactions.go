package dashboard

import (
	"context"
	"fmt"
	"time"

	"github.com/contrail-events/contrail/internal/audit"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// consumerActions are what can be done about subscriptions and projections.
func (d *Dashboard) consumerActions() []action {
	consumer := func(r *request) string { return "consumer " + r.path("durable") }
	projection := func(r *request) string { return "projection " + r.path("name") }
	return []action{
		{pattern: "/consumers/{durable}/pause", name: "consumer.pause", target: consumer, do: d.pauseConsumer},
		{pattern: "/consumers/{durable}/resume", name: "consumer.resume", target: consumer, do: d.resumeConsumer},
		{pattern: "/consumers/{durable}/reset", name: "consumer.reset", target: consumer, do: d.resetConsumer, long: true},
		{pattern: "/consumers/{durable}/replay", name: "consumer.replay", target: consumer, do: d.replayConsumer, long: true},
		{pattern: "/projections/{name}/pause", name: "projection.pause", target: projection, do: d.pauseProjection},
		{pattern: "/projections/{name}/resume", name: "projection.resume", target: projection, do: d.resumeProjection},
		{pattern: "/projections/{name}/rebuild", name: "projection.rebuild", target: projection, do: d.rebuildProjection},
		{pattern: "/projections/{name}/cancel", name: "projection.cancel", target: projection, do: d.cancelRebuild},
	}
}

// pauseConsumer pauses until the time that the form says, or for ever.
func (d *Dashboard) pauseConsumer(ctx context.Context, r *request) ([]audit.Result, error) {
	until, err := pauseUntil(r)
	if err != nil {
		return nil, err
	}
	durable := r.path("durable")
	if err := subscriptions.Pause(ctx, d.js, d.name(durable), until); err != nil {
		return nil, errConsumer(err, durable)
	}
	text := "is paused until somebody resumes it"
	if !until.Equal(subscriptions.Forever()) {
		text = "is paused until " + until.UTC().Format(time.RFC3339)
	}
	return oneDone("consumer "+durable, text+"; what is in hand is still handled"), nil
}

func pauseUntil(r *request) (time.Time, error) {
	text := r.form("for")
	if text == "" {
		return subscriptions.Forever(), nil
	}
	length, err := time.ParseDuration(text)
	if err != nil || length <= 0 {
		return time.Time{}, errBadInput(fmt.Sprintf("for is %q; give how long as 15m or 2h, or nothing for until it is resumed", text))
	}
	return time.Now().Add(length), nil
}

func (d *Dashboard) resumeConsumer(ctx context.Context, r *request) ([]audit.Result, error) {
	durable := r.path("durable")
	if err := subscriptions.Resume(ctx, d.js, d.name(durable)); err != nil {
		return nil, errConsumer(err, durable)
	}
	return oneDone("consumer "+durable, "is resumed: its events are delivered again"), nil
}
