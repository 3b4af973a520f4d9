package subscribers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

// partitions is one Run of a subscription with Config.Partitions: as one of the durable's members it holds its share of them. All but what says otherwise is
// for the one goroutine of serve.
type partitions struct {
	*Subscription

	registry *registry
	roster   *roster
	lease    *lease // for all goroutines
	self     memberRecord
	sent     map[uint64]time.Time // when each renewal was, until it comes back
	retries  map[string]retryAt   // those that are far off, by their keys
	tenures  map[int]*tenure
	ended    chan *tenure
	known    bool  // all that the others have written by now has been read
	err      error // why it leaves, unless it was asked to
}

func newPartitions(sub *Subscription) *partitions { return &partitions{Subscription: sub} }

// run handles the partitions that fall to this member, and events that were requeued, which are not divided. See [Subscription.Run].
func (p *partitions) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return newSession(p.Subscription, p.requeueFeed()).run(ctx) })
	group.Go(func() error { return p.belong(ctx) })
	return group.Wait() //nolint:wrapcheck // it is our own
}

// belong is a member for as long as ctx lasts, under another id each time that it had to start again.
func (p *partitions) belong(ctx context.Context) error {
	for failure := 1; ; failure++ {
		err := p.belongOnce(ctx)
		if err == nil || hopeless(err) {
			return err
		}
		p.config.Logger.WarnContext(ctx, "the partitions were given up, trying again to get some",
			slog.String("consumer", p.config.Durable), slog.Any("error", err))
		if !wait(ctx, nil, p.config.Backoff.delay(failure)) {
			return nil
		}
	}
}

func (p *partitions) belongOnce(ctx context.Context) error {
	registry, err := insist(ctx, p.config, p.prepare)
	if err != nil || registry == nil {
		return err
	}
	p.reset(registry)
	defer p.lease.close()
	aside := context.WithoutCancel(ctx)
	watcher, err := registry.kv.WatchAll(aside)
	if err != nil {
		return fmt.Errorf("watch the members of %s: %w", p.config.Durable, err)
	}
	defer drain(watcher)
	if err := p.renew(aside); err != nil {
		return err
	}
	return p.serve(ctx, watcher)
}

// prepare makes sure that there is all that the members share.
func (p *partitions) prepare(ctx context.Context) (*registry, error) {
	registry, err := openRegistry(ctx, p.js, p.config.Stream, p.config.Durable, uuid.NewString())
	if err != nil {
		return nil, err
	}
	return registry, (&division{Subscription: p.Subscription, registry: registry}).ensure(ctx)
}

func (p *partitions) reset(registry *registry) {
	host, _ := os.Hostname() // it is for people only
	length := orDefault(p.hooks.lease, usualLease)
	p.registry, p.roster, p.lease = registry, newRoster(registry.own, p.config.Partitions), newLease(length)
	p.self = memberRecord{Host: host, PID: os.Getpid(), Since: time.Now().UTC(), Lease: length}
	p.sent, p.retries, p.tenures = map[uint64]time.Time{}, map[string]retryAt{}, map[int]*tenure{}
	p.ended = make(chan *tenure, p.config.Partitions)
	p.known, p.err = false, nil
}

// errUnwatched says that it is not known any more what the other members do.
var errUnwatched = errors.New("the members' bucket can't be read any more")

// serve takes partitions and gives them up, as it falls to the member, until ctx ends and the last one is given back.
func (p *partitions) serve(ctx context.Context, watcher jetstream.KeyWatcher) error {
	ticker := time.NewTicker(p.lease.length / 3)
	defer ticker.Stop()
	aside := context.WithoutCancel(ctx)
	asked, updates := ctx.Done(), watcher.Updates()
	var silent error // why the lease was not renewed last
	for {
		select {
		case <-asked:
			asked = nil
			p.leave(aside, nil)
		case entry, open := <-updates:
			if !open {
				updates = nil
				p.leave(aside, errUnwatched)
				break
			}
			p.hear(ctx, entry)
		case <-ticker.C:
			silent = p.renew(aside)
			if p.deaf() {
				p.leave(aside, errUnwatched)
			}
		case t := <-p.ended:
			p.end(aside, t)
		}
		switch {
		case len(p.tenures) == 0 && p.self.Leaving:
			p.goAway(aside)
			return p.err
		case len(p.tenures) == 0 && silent != nil && !p.lease.valid():
			return silent
		}
		p.reconcile(aside)
	}
}
