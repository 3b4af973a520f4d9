package subscribers

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Membership is who shares a durable with Config.Partitions, and who holds what.
type Membership struct {
	Partitions int      // how many there are
	Members    []Member // by the time since when they are there
	Free       []int    // partitions that nobody holds who is alive
}

// Member is a process, or rather a running [Subscription], that shares a durable.
type Member struct {
	ID      string
	Host    string
	PID     int
	Since   time.Time
	Seen    time.Time // when it renewed its lease last, by the broker's clock
	Alive   bool      // its lease has not run out since
	Leaving bool      // it is about to stop, and gives back what it holds
	Holds   []Tenure  // by number
}

// Tenure is a partition that a member holds.
type Tenure struct {
	Partition int
	Since     time.Time
}

// ErrNotDivided says that a durable has no partitions.
var ErrNotDivided = errors.New("it has no partitions")

// Members returns who shares a durable of a stream with Config.Partitions, and who holds which partition, as the broker knows it. The error wraps
// [ErrNotDivided] if the durable does not have any.
func Members(ctx context.Context, js jetstream.JetStream, stream, durable string) (Membership, error) {
	wrap := func(err error) (Membership, error) {
		return Membership{}, fmt.Errorf("members of %s on stream %s: %w", durable, stream, err)
	}
	divided, err := js.Stream(ctx, partitionStream(stream, durable))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		err = ErrNotDivided
	}
	if err != nil {
		return wrap(err)
	}
	count, err := strconv.Atoi(divided.CachedInfo().Config.Metadata[metadataPartitions])
	if err != nil {
		return wrap(ErrNotDivided)
	}
	kv, err := js.KeyValue(ctx, memberBucket(stream, durable))
	if err != nil {
		return wrap(err)
	}
	membership, err := (&registry{js: js, kv: kv}).membership(ctx)
	if err != nil {
		return wrap(err)
	}
	membership.divide(count)
	return membership, nil
}

// divide leaves out what is known of partitions beyond count, and finds those that nobody holds.
func (m *Membership) divide(count int) {
	m.Partitions = count
	held := map[int]bool{}
	for i := range m.Members {
		member := &m.Members[i]
		member.Holds = slices.DeleteFunc(member.Holds, func(t Tenure) bool { return t.Partition >= count })
		for _, tenure := range member.Holds {
			held[tenure.Partition] = held[tenure.Partition] || member.Alive
		}
	}
	for p := range count {
		if !held[p] {
			m.Free = append(m.Free, p)
		}
	}
}

// membership reads the whole bucket.
func (r *registry) membership(ctx context.Context) (Membership, error) {
	now, err := r.now(ctx)
	if err != nil {
		return Membership{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	members := map[string]*Member{}
	tenures := map[string][]Tenure{}
	err = r.read(ctx, func(entry jetstream.KeyValueEntry) {
		if id, found := strings.CutPrefix(entry.Key(), keyMember); found {
			members[id] = memberOf(id, entry, now)
		}
		if p, owner, found := ownerOf(entry); found && owner.Member != "" {
			tenures[owner.Member] = append(tenures[owner.Member], Tenure{Partition: p, Since: owner.Since})
		}
	})
	if err != nil {
		return Membership{}, err
	}
	var membership Membership
	for id, member := range members {
		member.Holds = tenures[id]
		slices.SortFunc(member.Holds, func(a, b Tenure) int { return cmp.Compare(a.Partition, b.Partition) })
		membership.Members = append(membership.Members, *member)
	}
	slices.SortFunc(membership.Members, func(a, b Member) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID)) })
	return membership, nil
}

// now is the broker's time.
func (r *registry) now(ctx context.Context) (time.Time, error) {
	stream, err := r.js.Stream(ctx, "KV_"+r.kv.Bucket())
	if err != nil {
		return time.Time{}, fmt.Errorf("look up bucket %s: %w", r.kv.Bucket(), err)
	}
	return stream.CachedInfo().TimeStamp, nil
}

// read calls visit for each key that there is.
func (r *registry) read(ctx context.Context, visit func(jetstream.KeyValueEntry)) error {
	watcher, err := r.kv.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return fmt.Errorf("read bucket %s: %w", r.kv.Bucket(), err)
	}
	defer drain(watcher)
	for {
		select {
		case entry, open := <-watcher.Updates():
			if !open || entry == nil {
				return nil
			}
			visit(entry)
		case <-ctx.Done():
			return ctx.Err() //nolint:wrapcheck // the caller's own
		}
	}
}

// drain stops a watcher and takes what it still has: it would wait for that, and leave a goroutine behind.
func drain(watcher jetstream.KeyWatcher) {
	_ = watcher.Stop()
	for {
		if _, open := <-watcher.Updates(); !open {
			return
		}
	}
}

func memberOf(id string, entry jetstream.KeyValueEntry, now time.Time) *Member {
	var record memberRecord
	_ = json.Unmarshal(entry.Value(), &record) // of somebody else's, nothing is known but that it is there
	return &Member{
		ID: id, Host: record.Host, PID: record.PID, Since: record.Since, Leaving: record.Leaving,
		Seen: entry.Created(), Alive: now.Before(entry.Created().Add(record.Lease)),
	}
}

// ownerOf reads an entry that says who holds a partition.
func ownerOf(entry jetstream.KeyValueEntry) (partition int, owner ownerRecord, found bool) {
	number, found := strings.CutPrefix(entry.Key(), keyPartition)
	partition, err := strconv.Atoi(number)
	if !found || err != nil || partition < 0 {
		return 0, ownerRecord{}, false
	}
	_ = json.Unmarshal(entry.Value(), &owner) // a key that was deleted has none: nobody holds it
	return partition, owner, true
}
