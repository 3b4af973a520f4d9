package subscriptions

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/subscribers"
)

// How long a member may be silent before others take over what it holds, as package subscribers has it, and how often it says that it is there.
const (
	lease      = 15 * time.Second
	leaseRenew = 3 * time.Second
)

// letGo is how long the processes get to give up what they hold: one that is frozen has pulls that wait for half a minute.
const letGo = 45 * time.Second

// Keys of the bucket that the members of a divided subscription share.
const (
	keyMember    = "member."
	keyPartition = "partition."
	keyBegin     = "begin"    // the sequence, in the stream of events, with which the next division begins
	keyOperator  = "operator" // an ownerRecord: who changes the subscription; the processes don't care
)

// memberRecord is what a member says of itself.
type memberRecord struct {
	Host    string        `json:"host"`
	PID     int           `json:"pid"`
	Since   time.Time     `json:"since"`
	Beat    uint64        `json:"beat"`
	Lease   time.Duration `json:"lease"`
	Leaving bool          `json:"leaving"`
}

// ownerRecord is who holds a partition; nobody, with everything given back, if it is empty.
type ownerRecord struct {
	Member string    `json:"member"`
	Since  time.Time `json:"since"`
}

// custody is the right to change a divided subscription, which one at a time has. It can hold all partitions, as a member that handles no events: the
// processes give theirs up, and take none until it ends. If whoever has it dies, it ends when its lease has run out.
type custody struct {
	*copies

	kv        jetstream.KeyValue
	self      memberRecord
	id        string
	revisions map[string]uint64 // of the keys that say what it holds
	stop      func()

	mu      sync.Mutex
	renewed time.Time
}

var unfitForBucket = regexp.MustCompile(`[^a-zA-Z0-9_-]`)

// bucket is that of the members.
func (c *copies) bucket() string {
	name := "CONTRAIL_" + c.title()
	fit := unfitForBucket.ReplaceAllString(name, "-")
	if fit == name {
		return name
	}
	hash := sha256.Sum256([]byte(name))
	return fit + "-" + hex.EncodeToString(hash[:4])
}

// custody waits until nobody else changes the subscription. It ends with release.
func (c *copies) custody(ctx context.Context) (*custody, error) {
	kv, err := c.js.KeyValue(ctx, c.bucket())
	if err != nil {
		return nil, fmt.Errorf("open bucket %s, in which its processes say who is there, and which they make: %w", c.bucket(), err)
	}
	host, _ := os.Hostname() // it is for people only
	k := &custody{
		copies: c, kv: kv, id: uuid.NewString(), revisions: map[string]uint64{},
		self: memberRecord{Host: host, PID: os.Getpid(), Since: time.Now().UTC(), Lease: lease, Leaving: true},
	}
	if err := k.renew(ctx); err != nil {
		return nil, err
	}
	k.stop = k.keep(ctx)
	if err := k.enter(ctx); err != nil {
		return nil, errors.Join(err, k.release(ctx))
	}
	return k, nil
}

// keep renews the lease until it is stopped.
func (k *custody) keep(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var renewing sync.WaitGroup
	renewing.Go(func() {
		ticker := time.NewTicker(leaseRenew)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				asking, cancel := context.WithTimeout(ctx, leaseRenew)
				_ = k.renew(asking) // check tells
				cancel()
			}
		}
	})
	return func() { cancel(); renewing.Wait() }
}

func (k *custody) renew(ctx context.Context) error {
	k.self.Beat++
	sent := time.Now()
	value, err := json.Marshal(k.self)
	if err == nil {
		_, err = k.kv.Put(ctx, keyMember+k.id, value)
	}
	if err != nil {
		return fmt.Errorf("say to its processes who is there: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.renewed = sent
	return nil
}

// check refuses what the processes may not expect any more.
func (k *custody) check() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if silent := time.Since(k.renewed); silent > lease-leaseRenew {
		return fmt.Errorf("the broker was out of reach for %s, and its processes go on; try again", silent.Round(time.Second))
	}
	return nil
}

// enter becomes the one who changes the subscription.
func (k *custody) enter(ctx context.Context) error {
	return k.insist(ctx, func() (bool, error) {
		owner, revision, err := k.owner(ctx, keyOperator)
		if err != nil {
			return false, err
		}
		if present, err := k.isPresent(ctx, owner.Member); err != nil || present {
			return false, err
		}
		return k.write(ctx, keyOperator, revision)
	}, errors.New("somebody else is changing the subscription; try again"))
}

// take takes all partitions, and returns when no process pulls any more.
func (k *custody) take(ctx context.Context) error {
	for partition := range k.count {
		key := keyPartition + strconv.Itoa(partition)
		err := k.insist(ctx, func() (bool, error) {
			_, revision, err := k.owner(ctx, key)
			if err != nil {
				return false, err
			}
			return k.write(ctx, key, revision)
		}, errors.New("it changes hands all the time; try again"))
		if err != nil {
			return fmt.Errorf("take partition %d from its processes: %w", partition, err)
		}
	}
	return k.unattended(ctx)
}

// insist tries until it is done, or patience is over.
func (k *custody) insist(ctx context.Context, try func() (done bool, err error), late error) error {
	for over := time.Now().Add(letGo); ; {
		done, err := try()
		switch {
		case done || err != nil:
			return err
		case time.Now().After(over):
			return late
		}
		if err := rest(ctx, settleLook); err != nil {
			return err
		}
	}
}

// owner is who a key says holds what it is about, and its revision; zero: there is none.
func (k *custody) owner(ctx context.Context, key string) (owner ownerRecord, revision uint64, err error) {
	entry, err := k.kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return owner, 0, nil
	}
	if err != nil {
		return owner, 0, fmt.Errorf("read who holds it: %w", err)
	}
	_ = json.Unmarshal(entry.Value(), &owner) // what somebody else has written there means nobody
	return owner, entry.Revision(), nil
}

// write says that we hold what a key is about. False: it has just changed hands.
func (k *custody) write(ctx context.Context, key string, revision uint64) (bool, error) {
	value, err := json.Marshal(ownerRecord{Member: k.id, Since: time.Now().UTC()})
	switch {
	case err != nil:
	case revision == 0:
		revision, err = k.kv.Create(ctx, key, value)
	default:
		revision, err = k.kv.Update(ctx, key, value, revision)
	}
	switch {
	case errors.Is(err, jetstream.ErrKeyExists), errors.Is(err, jetstream.ErrKeyRevisionMismatch):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("write who holds it: %w", err)
	}
	k.revisions[key] = revision
	return true, nil
}

// isPresent tells whether a member's lease has not run out.
func (k *custody) isPresent(ctx context.Context, id string) (bool, error) {
	if id == "" {
		return false, nil
	}
	membership, err := subscribers.Members(ctx, k.js, k.name.Stream, k.name.Durable)
	switch {
	case errors.Is(err, subscribers.ErrNotDivided): // it has just deleted the stream of copies, and makes it anew
		return true, nil
	case err != nil:
		return false, err
	}
	return slices.ContainsFunc(membership.Members, func(member subscribers.Member) bool { return member.ID == id && member.Alive }), nil
}

// unattended returns when no process waits for events of any partition.
func (k *custody) unattended(ctx context.Context) error {
	return k.insist(ctx, func() (bool, error) {
		consumers, err := k.consumers(ctx)
		attended := slices.ContainsFunc(consumers, func(info *jetstream.ConsumerInfo) bool { return info != nil && info.NumWaiting > 0 })
		return err == nil && !attended, err
	}, errors.New("its processes do not give up all partitions; stop them and try again"))
}

// release gives everything back, also when ctx has ended.
func (k *custody) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), DefaultSettle)
	defer cancel()
	k.stop()
	nobody, err := json.Marshal(ownerRecord{})
	faults := []error{err}
	for key, revision := range k.revisions {
		if _, err := k.kv.Update(ctx, key, nobody, revision); !errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
			faults = append(faults, err)
		}
	}
	faults = append(faults, k.kv.Delete(ctx, keyMember+k.id))
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("let its processes go on: %w; they do by themselves within %s", err, lease)
	}
	return nil
}

// begin says with which sequence the next division begins, should whoever makes it die.
func (k *custody) begin(ctx context.Context, sequence uint64) error {
	if _, err := k.kv.PutString(ctx, keyBegin, strconv.FormatUint(max(sequence, 1), 10)); err != nil {
		return fmt.Errorf("write down where the partitions begin: %w", err)
	}
	return nil
}

// begun takes that back.
func (k *custody) begun(ctx context.Context) error {
	if err := k.kv.Delete(ctx, keyBegin); err != nil {
		return fmt.Errorf("delete where the partitions began: %w", err)
	}
	return nil
}
