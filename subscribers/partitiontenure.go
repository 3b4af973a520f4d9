package subscribers

import (
	"context"
	"log/slog"
	"sync"
)

// tenure is the time for which a member holds a partition: a session of its own, for as long as the lease is valid and nobody else should have it.
type tenure struct {
	partition int
	revision  uint64 // of the key that says so
	cancel    context.CancelFunc
	ending    bool
	err       error // how it ended
}

// begin starts to handle the events of a partition. The tenure is sent to ended when it is over.
func (p *partitions) begin(ctx context.Context, partition int, revision uint64, orphans bool) {
	t := &tenure{partition: partition, revision: revision}
	lease := p.lease
	life := lease.context(ctx)
	ctx, t.cancel = context.WithCancel(life)
	p.tenures[partition] = t
	kept := &retries{
		registry: p.registry, partition: partition, ctx: context.WithoutCancel(ctx), log: p.config.Logger, noted: map[uint64]struct{}{},
		valid: func() bool { return life.Err() == nil && lease.valid() },
	}
	inherited := p.inherited(partition)
	p.config.Logger.InfoContext(ctx, "taking over a partition", slog.String("consumer", p.config.Durable), slog.String("member", p.registry.own),
		slog.Int("partition", partition), slog.Bool("former_owner_is_gone", orphans))
	go func() {
		defer t.cancel()
		t.err = p.handle(ctx, kept, orphans, inherited)
		p.ended <- t
	}()
}

// handle runs the session of a partition until ctx ends.
func (p *partitions) handle(ctx context.Context, kept *retries, orphans bool, inherited []retryAt) error {
	var hand *takeover
	from := p.partitionFeed(kept.partition, func(d *delivery) {
		p.uncopy(d)
		d.msg = partitionMsg{Msg: d.msg, retries: kept, sequence: d.sequence}
		if d.meta.NumDelivered > 0 { // else it was read from the stream
			hand.arrive(d.meta.Sequence)
		}
	})
	s := newSession(p.Subscription, from)
	hand = newTakeover(s, from, orphans)
	link := s.scheduler.link
	s.scheduler.link = func() (uint64, bool) { // without a lease nobody knows what has become of a retry
		reconnects, connected := link()
		return reconnects, connected && kept.valid()
	}
	_, err := insist(ctx, p.config, func(ctx context.Context) (bool, error) { return true, kept.inherit(ctx, hand, inherited) })
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { s.halt() })()
	return p.together(ctx, s, kept.partition, hand)
}

// together runs a session and what goes with it.
func (p *partitions) together(ctx context.Context, s *session, partition int, hand *takeover) error {
	aside, stop := context.WithCancel(ctx)
	var others sync.WaitGroup
	others.Go(func() { hand.watch(aside) })
	if partition == 0 {
		others.Go(func() { (&division{Subscription: p.Subscription, registry: p.registry}).prune(aside) })
	}
	err := s.run(ctx)
	stop()
	others.Wait()
	return err
}
