package subscribers

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Lease sets how long a member may be silent.
func (s *Subscription) Lease(length time.Duration) { s.hooks.lease = length }

// Transforms are those by which a partitioned subscription's events are copied.
func Transforms(config Config) []jetstream.SubjectTransformConfig {
	return config.withDefaults().transforms()
}

// MemberBucket is the name of the bucket that a durable's members share.
func MemberBucket(stream, durable string) string { return memberBucket(stream, durable) }

// Shares returns how many partitions each member should hold, given who holds each; members may hold none.
func Shares(members, owners []string) map[string]int {
	roster := newRoster("", len(owners))
	for _, id := range members {
		roster.see(id, false, time.Time{})
	}
	for partition, owner := range owners {
		roster.write(partition, ownerRecord{Member: owner}, 1)
	}
	return roster.shares()
}

// RenewedTooLate tells whether what a lease allowed goes on when the lease is renewed after it has run out, and before anybody has noticed.
func RenewedTooLate(ctx context.Context) (goesOn bool) {
	l := newLease(time.Hour)
	defer l.close()
	l.renewed(time.Now())
	life := l.context(ctx)
	l.until = time.Now().Add(-time.Second)
	l.renewed(time.Now())
	return life.Err() == nil
}

// PruneOnce prunes the copies of a partitioned subscription that were settled one call ago. It returns what is settled by now.
func (s *Subscription) PruneOnce(ctx context.Context, settled uint64) (uint64, error) {
	return (&division{Subscription: s}).pruneOnce(ctx, settled)
}
