package dashboard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail/internal/audit"
	"github.com/contrail-events/contrail/publisher/control"
)

// orderWait is how long an action waits until a relay has done what it was told: an idle leader does it at once, a busy one within a second, and a
// standby within six.
const orderWait = 7 * time.Second

// relayActions are what can be done about relays.
func (d *Dashboard) relayActions() []action {
	relay := func(r *request) string { return "relay " + r.path("id") }
	stream := func(r *request) string { return "stream " + r.path("stream") }
	return []action{
		{pattern: "/relays/{id}/pause", name: "relay.pause", target: relay, do: d.order(control.Pause, "is paused")},
		{pattern: "/relays/{id}/resume", name: "relay.resume", target: relay, do: d.order(control.Resume, "is resumed")},
		{pattern: "/relays/{id}/stop", name: "relay.stop", target: relay, do: d.order(control.Stop, "is stopped")},
		{pattern: "/relays/{id}/dump", name: "relay.dump", target: relay, do: d.dumpRelay},
		{pattern: "/relays/{id}/remove", name: "relay.remove", target: relay, do: d.removeRelay},
		{pattern: "/relays/streams/{stream}/pause", name: "stream.pause", target: stream, do: d.pauseStream},
		{pattern: "/relays/streams/{stream}/resume", name: "stream.resume", target: stream, do: d.resumeStream},
	}
}

// give is one of package control's commands to one relay.
type give func(ctx context.Context, db control.Querier, id uuid.UUID, by string) (control.Order, error)

// order gives a relay a command, and waits a little for what comes of it.
func (d *Dashboard) order(give give, done string) func(ctx context.Context, r *request) ([]audit.Result, error) {
	return func(ctx context.Context, r *request) ([]audit.Result, error) {
		relay, err := d.relay(ctx, r)
		if err != nil {
			return nil, err
		}
		order, err := give(ctx, d.pool, relay.ID, r.by())
		if err != nil {
			return nil, errRelay(err, r.path("id"))
		}
		result, err := awaited("relay "+relay.Identity, done, inTime(ctx, func(ctx context.Context) error { return control.Await(ctx, d.pool, order) }))
		return []audit.Result{result}, errRelay(err, r.path("id"))
	}
}

// by is who decides, as tables and logs have it.
func (r *request) by() string { return r.who.Name + "@dashboard" }

func inTime(ctx context.Context, wait func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, orderWait)
	defer cancel()
	return wait(ctx)
}

// awaited says what became of an order: it is done, or it will be.
func awaited(what, done string, err error) (audit.Result, error) {
	if pending, is := errors.AsType[*control.PendingError](err); is {
		return audit.Result{What: what, Outcome: audit.Pending, Detail: pending.What + "; it was told so, and will heed it when it can"}, nil
	}
	if err != nil {
		return audit.Result{What: what, Outcome: audit.Failed, Detail: err.Error()}, err
	}
	return audit.Result{What: what, Outcome: audit.Done, Detail: what + " " + done}, nil
}

// dumpRelay refuses to replace a command that has not been taken yet.
func (d *Dashboard) dumpRelay(ctx context.Context, r *request) ([]audit.Result, error) {
	relay, err := d.relay(ctx, r)
	if err != nil {
		return nil, err
	}
	if told := relay.Command; told != "" && told != "dump" {
		return oneRefused("relay "+relay.Identity, fmt.Sprintf("it was told to %s and has not taken that yet, which a dump would replace; wait for it, or send SIGTTIN to process %d on %s",
			told, relay.PID, relay.Host)), nil
	}
	return d.order(control.Dump, "has dumped its goroutines: see its page")(ctx, r)
}

// removeRelay takes a relay that has died off the list. One that is alive is to be stopped.
func (d *Dashboard) removeRelay(ctx context.Context, r *request) ([]audit.Result, error) {
	relay, err := d.relay(ctx, r)
	if err != nil {
		return nil, err
	}
	what := "relay " + relay.Identity
	if !relay.Gone {
		return oneRefused(what, fmt.Sprintf("it was heard of %.0f seconds ago: stop it instead", relay.BeatSecondsAgo)), nil
	}
	if err := control.Remove(ctx, d.pool, relay.ID); err != nil {
		return nil, errRelay(err, r.path("id"))
	}
	return oneDone(what, "is taken off the list; should it come back, it stops"), nil
}

func (d *Dashboard) pauseStream(ctx context.Context, r *request) ([]audit.Result, error) {
	name := r.path("stream")
	if err := d.relayed(ctx, name); err != nil {
		return nil, err
	}
	stream, err := control.PauseStream(ctx, d.pool, name, r.by(), r.reason())
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("is paused since %s by %s", stream.PausedAt.UTC().Format(time.RFC3339), stream.PausedBy)
	return d.awaitStream(ctx, name, text)
}

func (d *Dashboard) resumeStream(ctx context.Context, r *request) ([]audit.Result, error) {
	name := r.path("stream")
	if err := d.relayed(ctx, name); err != nil {
		return nil, err
	}
	resumed, err := control.ResumeStream(ctx, d.pool, name)
	if err != nil {
		return nil, err
	}
	text := "is resumed; no relay leads: start one with contrail relay"
	if resumed.Leader != "" {
		text = "is resumed; relay " + resumed.Leader + " leads"
	}
	return d.awaitStream(ctx, name, text)
}

// relayed refuses a name that no relay has ever had: it is a slip, since the pages have none but these.
func (d *Dashboard) relayed(ctx context.Context, name string) error {
	streams, err := control.Streams(ctx, d.pool, name)
	if err == nil && (len(streams) == 0 || name == "") {
		err = errNotFound("stream " + name)
	}
	return err
}

func (d *Dashboard) awaitStream(ctx context.Context, name, text string) ([]audit.Result, error) {
	err := inTime(ctx, func(ctx context.Context) error { return control.AwaitStream(ctx, d.pool, name) })
	result, err := awaited("stream "+name, text, err)
	return []audit.Result{result}, err
}
