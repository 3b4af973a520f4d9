package subscribers

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ask bounds a request of the member's, so that the next renewal is in time.
func (p *partitions) ask(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, min(p.lease.length/3, lastWrite))
}

// renew renews the lease.
func (p *partitions) renew(ctx context.Context) error {
	ctx, cancel := p.ask(ctx)
	defer cancel()
	p.self.Beat++
	sent := time.Now()
	p.sent[p.self.Beat] = sent
	if err := p.registry.renew(ctx, p.self); err != nil {
		p.config.Logger.WarnContext(ctx, "the lease on partitions was not renewed", slog.String("consumer", p.config.Durable), slog.Any("error", err))
		return err
	}
	p.lease.renewed(sent)
	return nil
}

// deaf tells whether renewals don't come back: then nothing comes of what others write either.
func (p *partitions) deaf() bool {
	for _, sent := range p.sent {
		if time.Since(sent) > 2*p.lease.length {
			return true
		}
	}
	return false
}

// hear takes note of what a member has written; nil: that is all there was at first.
func (p *partitions) hear(ctx context.Context, entry jetstream.KeyValueEntry) {
	if entry == nil {
		p.known = true
		return
	}
	if id, found := strings.CutPrefix(entry.Key(), keyMember); found {
		p.hearMember(ctx, id, entry)
		return
	}
	if partition, owner, found := ownerOf(entry); found {
		p.roster.write(partition, owner, entry.Revision())
		return
	}
	if retry, found := retryOf(entry); found {
		p.retries[entry.Key()] = retry
	} else {
		delete(p.retries, entry.Key())
	}
}

func (p *partitions) hearMember(ctx context.Context, id string, entry jetstream.KeyValueEntry) {
	if entry.Operation() != jetstream.KeyValuePut {
		p.roster.lose(id)
		return
	}
	var record memberRecord
	_ = json.Unmarshal(entry.Value(), &record) // of somebody else's, nothing is known but that it is there
	p.roster.see(id, record.Leaving, time.Now())
	if id != p.registry.own {
		return
	}
	sent, found := p.sent[record.Beat]
	if !found {
		return
	}
	for beat := range p.sent {
		if beat <= record.Beat {
			delete(p.sent, beat)
		}
	}
	for _, gone := range p.roster.hear(sent, p.lease.length) {
		p.config.Logger.WarnContext(ctx, "a member does not renew its lease, others take over what it held",
			slog.String("consumer", p.config.Durable), slog.String("member", gone))
	}
}

// inherited are the retries of a partition that are far off, in order.
func (p *partitions) inherited(partition int) (all []retryAt) {
	for _, retry := range p.retries {
		if retry.partition == partition {
			all = append(all, retry)
		}
	}
	slices.SortFunc(all, func(a, b retryAt) int { return cmp.Compare(a.sequence, b.sequence) })
	return all
}

// reconcile gives up what the member holds above its share, and takes what it lacks, if that is free.
func (p *partitions) reconcile(ctx context.Context) {
	if !p.known || p.self.Leaving || !p.lease.valid() {
		return
	}
	spare := -p.roster.share()
	for partition, t := range p.tenures {
		switch {
		case t.ending:
		case p.roster.owners[partition].Member != p.registry.own: // that should not be; but nobody is to hold it beside its owner
			p.giveUp(ctx, t)
		default:
			spare++
		}
	}
	for partition := p.config.Partitions - 1; partition >= 0 && spare > 0; partition-- {
		if t := p.tenures[partition]; t != nil && !t.ending {
			p.giveUp(ctx, t)
			spare--
		}
	}
	for partition := 0; partition < p.config.Partitions && spare < 0; partition++ {
		if p.tenures[partition] == nil && p.take(ctx, partition) {
			spare++
		}
	}
}

// giveUp begins to give a partition back: what runs is finished first.
func (p *partitions) giveUp(ctx context.Context, t *tenure) {
	p.config.Logger.InfoContext(ctx, "giving up a partition", slog.String("consumer", p.config.Durable),
		slog.String("member", p.registry.own), slog.Int("partition", t.partition))
	t.ending = true
	t.cancel()
}

// take takes a partition that is free. False: somebody else has it.
func (p *partitions) take(ctx context.Context, partition int) bool {
	free, orphans := p.roster.free(partition)
	if !free {
		return false
	}
	asked, cancel := p.ask(ctx)
	defer cancel()
	owner := ownerRecord{Member: p.registry.own, Since: time.Now().UTC()}
	revision, err := p.registry.hand(asked, partition, owner, p.roster.owners[partition].revision)
	if err != nil {
		p.config.Logger.DebugContext(ctx, "take a partition", slog.Int("partition", partition), slog.Any("error", err))
		return false
	}
	p.roster.write(partition, owner, revision)
	p.begin(ctx, partition, revision, orphans)
	return true
}

// end writes that a partition is free, whose events have all been given back. Somebody may have taken it over before.
func (p *partitions) end(ctx context.Context, t *tenure) {
	delete(p.tenures, t.partition)
	asked, cancel := p.ask(ctx)
	defer cancel()
	revision, err := uint64(0), nats.ErrDisconnected
	if p.js.Conn().IsConnected() { // else each partition would take its time
		revision, err = p.registry.hand(asked, t.partition, ownerRecord{}, t.revision)
	}
	switch {
	case err == nil:
		p.roster.write(t.partition, ownerRecord{}, revision)
	case !errors.Is(err, jetstream.ErrKeyRevisionMismatch):
		p.config.Logger.WarnContext(ctx, "a partition that was given up is not free until the lease runs out",
			slog.String("consumer", p.config.Durable), slog.Int("partition", t.partition), slog.Any("error", err))
	}
	if t.err != nil {
		p.leave(ctx, configError{t.err}) // a session does not end by itself for what will mend
	}
}

// leave gives everything up.
func (p *partitions) leave(ctx context.Context, cause error) {
	if p.err == nil {
		p.err = cause
	}
	if p.self.Leaving {
		return
	}
	p.self.Leaving = true
	_ = p.renew(ctx) // for others to know that they get a greater share
	for _, t := range p.tenures {
		if !t.ending {
			p.giveUp(ctx, t)
		}
	}
}

// goAway says that the member is gone.
func (p *partitions) goAway(ctx context.Context) {
	ctx, cancel := p.ask(ctx)
	defer cancel()
	if err := p.registry.leave(ctx); err != nil {
		p.config.Logger.DebugContext(ctx, "leave", slog.String("consumer", p.config.Durable), slog.Any("error", err))
	}
}
