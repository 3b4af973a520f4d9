package subscribers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Keys of the bucket.
const (
	keyMember    = "member."    // and its id: a memberRecord, renewed all the time
	keyPartition = "partition." // and its number: an ownerRecord
	keyRetry     = "retry."     // and partition.sequence: the time of a retry that is far off
	keyBegin     = "begin"      // where the next division begins
)

// memberRecord is what a member says of itself.
type memberRecord struct {
	Host    string        `json:"host"`
	PID     int           `json:"pid"`
	Since   time.Time     `json:"since"`
	Beat    uint64        `json:"beat"` // counts the renewals
	Lease   time.Duration `json:"lease"`
	Leaving bool          `json:"leaving,omitempty"`
}

// ownerRecord is who holds a partition.
type ownerRecord struct {
	Member string    `json:"member"` // empty: nobody, and the last one has given everything back
	Since  time.Time `json:"since"`
}

// registry is the key-value bucket in which the members of a durable tell one another who is there, and who holds what. Nothing in it must last, except
// the times of retries and, for a moment, where a division begins.
type registry struct {
	js  jetstream.JetStream
	kv  jetstream.KeyValue
	own string // the id of this member
}

// openRegistry opens the bucket, or creates it.
func openRegistry(ctx context.Context, js jetstream.JetStream, stream, durable, own string) (*registry, error) {
	name := memberBucket(stream, durable)
	kv, err := js.KeyValue(ctx, name)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		var events jetstream.Stream
		if events, err = js.Stream(ctx, stream); err != nil {
			return nil, fmt.Errorf("look up stream %s, which the relay creates when it starts: %w", stream, err)
		}
		config := events.CachedInfo().Config
		kv, err = js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: name, Description: "Who holds which partition of " + durable + ", a consumer of Contrail's.", History: 1,
			Storage: jetstream.FileStorage, Replicas: config.Replicas, Placement: config.Placement,
		})
	}
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", name, err)
	}
	return &registry{js: js, kv: kv, own: own}, nil
}

// renew says that the member is alive.
func (r *registry) renew(ctx context.Context, record memberRecord) error {
	value, err := json.Marshal(record)
	if err == nil {
		_, err = r.kv.Put(ctx, keyMember+r.own, value)
	}
	if err != nil {
		return fmt.Errorf("renew the lease of member %s: %w", r.own, err)
	}
	return nil
}

// leave says that the member is gone.
func (r *registry) leave(ctx context.Context) error {
	if err := r.kv.Delete(ctx, keyMember+r.own); err != nil {
		return fmt.Errorf("delete member %s: %w", r.own, err)
	}
	return nil
}

// hand writes who holds a partition, if nobody has written that since the revision: then the error wraps [jetstream.ErrKeyExists].
func (r *registry) hand(ctx context.Context, partition int, record ownerRecord, revision uint64) (uint64, error) {
	value, err := json.Marshal(record)
	if err == nil {
		revision, err = r.kv.Update(ctx, keyPartition+strconv.Itoa(partition), value, revision)
	}
	if err != nil {
		return 0, fmt.Errorf("write who holds partition %d: %w", partition, err)
	}
	return revision, nil
}

// note writes down when a retry is due.
func (r *registry) note(ctx context.Context, retry retryAt) error {
	if _, err := r.kv.PutString(ctx, retry.key(), retry.due.UTC().Format(time.RFC3339Nano)); err != nil {
		return fmt.Errorf("write down a retry of partition %d: %w", retry.partition, err)
	}
	return nil
}

func (r *registry) forget(ctx context.Context, retry retryAt) error {
	if err := r.kv.Delete(ctx, retry.key()); err != nil {
		return fmt.Errorf("delete what was written of a retry of partition %d: %w", retry.partition, err)
	}
	return nil
}

// begin is where the next division begins; zero: there is none to come.
func (r *registry) begin(ctx context.Context) (uint64, error) {
	entry, err := r.kv.Get(ctx, keyBegin)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read where the partitions begin: %w", err)
	}
	return strconv.ParseUint(string(entry.Value()), 10, 64) //nolint:wrapcheck // says everything
}

func (r *registry) saveBegin(ctx context.Context, begin uint64) error {
	if _, err := r.kv.PutString(ctx, keyBegin, strconv.FormatUint(max(begin, firstSequence), 10)); err != nil {
		return fmt.Errorf("write down where the partitions begin: %w", err)
	}
	return nil
}

func (r *registry) forgetBegin(ctx context.Context) error {
	if begin, err := r.begin(ctx); err != nil || begin == 0 {
		return err
	}
	if err := r.kv.Delete(ctx, keyBegin); err != nil {
		return fmt.Errorf("delete where the partitions began: %w", err)
	}
	return nil
}

// keptMember is how long it can be seen who is gone.
const keptMember = time.Hour

// sweep deletes what is left of members that are long gone.
func (r *registry) sweep(ctx context.Context) error {
	membership, err := r.membership(ctx)
	if err != nil {
		return err
	}
	now, err := r.now(ctx)
	if err != nil {
		return err
	}
	for _, member := range membership.Members {
		if member.Alive || now.Sub(member.Seen) < keptMember {
			continue
		}
		if err := r.kv.Delete(ctx, keyMember+member.ID); err != nil {
			return fmt.Errorf("delete member %s: %w", member.ID, err)
		}
	}
	if err := r.kv.PurgeDeletes(ctx, jetstream.DeleteMarkersOlderThan(keptMember)); err != nil {
		return fmt.Errorf("delete what is left of former members: %w", err)
	}
	return nil
}

// present counts the members whose lease has not run out, by the broker's clock.
func (r *registry) present(ctx context.Context) (int, error) {
	membership, err := r.membership(ctx)
	if err != nil {
		return 0, err
	}
	present := 0
	for _, member := range membership.Members {
		if member.Alive {
			present++
		}
	}
	return present, nil
}

// retryAt is an event that is to be delivered again long after now.
type retryAt struct {
	partition int
	sequence  uint64
	due       time.Time
}

func (r retryAt) key() string {
	return keyRetry + strconv.Itoa(r.partition) + "." + strconv.FormatUint(r.sequence, 10)
}

// retryOf reads an entry of a retry that has not been deleted.
func retryOf(entry jetstream.KeyValueEntry) (retry retryAt, found bool) {
	key, found := strings.CutPrefix(entry.Key(), keyRetry)
	if !found || entry.Operation() != jetstream.KeyValuePut {
		return retryAt{}, false
	}
	partition, sequence, _ := strings.Cut(key, ".")
	var failed [3]error
	retry.partition, failed[0] = strconv.Atoi(partition)
	retry.sequence, failed[1] = strconv.ParseUint(sequence, 10, 64)
	retry.due, failed[2] = parseTime(string(entry.Value()))
	return retry, errors.Join(failed[:]...) == nil
}
