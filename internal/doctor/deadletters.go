package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/subscribers"
)

const (
	shortDeadLetters = 7 * 24 * time.Hour // within which a person should have looked
	lately           = time.Hour
)

func checkDeadLetters(ctx context.Context, d *Doctor) ([]Finding, error) {
	info, err := d.findStream(ctx, d.config.DeadLetters)
	if err != nil {
		return nil, err
	}
	if info == nil {
		return d.noDeadLetters(ctx)
	}
	found := deadLettersKept(info.Config)
	all, err := d.deadSince(ctx, time.Time{})
	if err != nil {
		return found, err
	}
	with := values{"dead": all}
	if all == 0 {
		return orGood(found, with, "no event waits as a dead letter"), nil
	}
	grown, err := d.deadSince(ctx, info.TimeStamp.Add(-lately))
	if err != nil {
		return found, err
	}
	with["dead_lately"] = grown
	what := fmt.Sprintf("%d dead letters wait for a person", all)
	if grown > 0 {
		what += fmt.Sprintf(", %d of them since an hour ago: they grow in number", grown)
	}
	return append(found, Finding{
		Severity: Warning, What: what, Why: "their events have had no effect", Do: "contrail dead-letters list; mend the cause, then requeue or discard", Values: with,
	}), nil
}

// noDeadLetters is about a stream that is missing: a subscription makes it before it begins.
func (d *Doctor) noDeadLetters(ctx context.Context) ([]Finding, error) {
	all, err := d.consumers(ctx)
	if err != nil {
		return nil, err
	}
	for _, one := range all {
		if one.ours {
			return []Finding{{
				Severity: Danger, What: fmt.Sprintf("there is no stream %s, and subscriptions have run", d.config.DeadLetters),
				Why: "it is gone with the dead letters, and none can be added: an event that fails is tried again for ever",
				Do:  "restart a subscriber, which creates it, or give --dead-letters",
			}}, nil
		}
	}
	return good(nil, "no subscription has run yet that could make dead letters"), nil
}

func deadLettersKept(config jetstream.StreamConfig) []Finding {
	with := values{"stream": config.Name, "retention": config.Retention.String(), "max_age_seconds": config.MaxAge.Seconds(), "max_msgs": config.MaxMsgs}
	var found []Finding
	if config.Retention != jetstream.LimitsPolicy {
		found = append(found, Finding{
			Severity: Danger, What: fmt.Sprintf("stream %s has retention %s", config.Name, config.Retention), Why: "dead letters can't be looked through, or go unseen",
			Do: "make it anew with limits retention", Values: with,
		})
	}
	if config.MaxAge > 0 && config.MaxAge < shortDeadLetters {
		found = append(found, Finding{
			Severity: Warning, What: fmt.Sprintf("stream %s keeps dead letters for %s", config.Name, config.MaxAge), Why: "they go before a person has looked",
			Do: fmt.Sprintf("nats stream edit %s --max-age=30d", config.Name), Values: with,
		})
	}
	if config.MaxMsgs > 0 || config.MaxBytes > 0 || config.MaxMsgsPerSubject > 0 {
		found = append(found, Finding{
			Severity: Warning, What: fmt.Sprintf("stream %s is bounded in messages or bytes", config.Name), Why: "many dead letters drive out the first ones",
			Do: fmt.Sprintf("nats stream edit %s --max-msgs=-1 --max-bytes=-1 --max-msgs-per-subject=-1", config.Name), Values: with,
		})
	}
	return found
}

// deadSince counts those that wait, without reading them: by a consumer of its own, which is told how many it would be given, and is gone after that.
// Zero is the beginning.
func (d *Doctor) deadSince(ctx context.Context, since time.Time) (uint64, error) {
	prefix := subscribers.DeadLetterPrefix(d.config.DeadLetters)
	config := jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: time.Minute, HeadersOnly: true,
		FilterSubjects: []string{prefix + ".events.>", prefix + ".foreign.>"}, Description: "How many dead letters there are, for contrail doctor.",
	}
	if !since.IsZero() {
		config.DeliverPolicy, config.OptStartTime = jetstream.DeliverByStartTimePolicy, &since
	}
	counter, err := d.js.CreateConsumer(ctx, d.config.DeadLetters, config)
	if err != nil {
		return 0, fmt.Errorf("count dead letters: %w", err)
	}
	info := counter.CachedInfo()
	if err := d.js.DeleteConsumer(ctx, d.config.DeadLetters, info.Name); err != nil {
		return info.NumPending, fmt.Errorf("count dead letters: %w", err)
	}
	return info.NumPending, nil
}
