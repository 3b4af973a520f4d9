package erasure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// DB is where contrail.keys is: a *pgxpool.Pool.
type DB interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	Begin(ctx context.Context) (pgx.Tx, error)
}

// Defaults of a [Config].
const (
	DefaultCacheTTL  = time.Minute
	DefaultCacheSize = 10_000
)

// Config of [Keys]. The zero value works.
type Config struct {
	// CacheTTL is how long a key is kept after it was fetched; zero means [DefaultCacheTTL]. It is also how long the process can still read what
	// another one has erased. Below zero nothing is kept, and each call of Open asks the database.
	CacheTTL time.Duration

	// CacheSize is how many keys are kept; zero means [DefaultCacheSize]. One takes about a kilobyte. The one that was not used for longest goes
	// first.
	CacheSize int
}

// Keys is the table contrail.keys together with a keyring: it opens encrypted events that come from elsewhere than the store, such as a
// JetStream stream, erases persons, and changes key-encryption keys. It is safe for concurrent use.
type Keys struct {
	db      DB
	keyring *Keyring
	ttl     time.Duration
	cache   *cache
	now     func() time.Time
}

// NewKeys returns keys, or an error that names every faulty field of cfg. The pool stays the caller's to close. To erase and to list, no keyring
// is needed: it may be nil, and then nothing can be opened.
func NewKeys(db DB, keyring *Keyring, cfg Config) (*Keys, error) {
	var faults []error
	if db == nil {
		faults = append(faults, errors.New("the database is nil"))
	}
	if cfg.CacheSize < 0 {
		faults = append(faults, fmt.Errorf("erasure.Config: CacheSize is %d, must not be negative", cfg.CacheSize))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("make keys: %w", err)
	}
	if cfg.CacheSize == 0 {
		cfg.CacheSize = DefaultCacheSize
	}
	if cfg.CacheTTL == 0 {
		cfg.CacheTTL = DefaultCacheTTL
	}
	return &Keys{db: db, keyring: keyring, ttl: cfg.CacheTTL, cache: newCache(cfg.CacheSize), now: time.Now}, nil
}

// fetchSQL relies on the primary key.
const fetchSQL = `SELECT id, wrapped FROM contrail.keys WHERE id = ANY ($1)`

// Open makes events readable, in place: their data is decrypted, or null and Erased when their key was deleted. Events that are not Sealed stay as they are.
// Keys that are not cached are fetched with one query for all. On an error events are what they were.
//
// An error that no retry will cure is marked with [contrail.Permanent], and wraps a [*CorruptError], which names the event. Any other may go
// away: [*NoKEKError] with another configuration, and what the database returns.
func (k *Keys) Open(ctx context.Context, events []contrail.Recorded) error {
	keys, err := k.keysOf(ctx, events)
	if err != nil {
		return err
	}
	opened := make([]contrail.Recorded, len(events))
	for i, event := range events {
		key, found := keys[event.Metadata[contrail.KeySealedWith]]
		switch {
		case !event.Sealed:
		case !found:
			event = erased(event)
		default:
			if event, err = key.Open(event); err != nil {
				return err
			}
		}
		opened[i] = event
	}
	copy(events, opened)
	return nil
}

// keysOf returns those keys of the events that exist.
func (k *Keys) keysOf(ctx context.Context, events []contrail.Recorded) (map[string]Key, error) {
	keys := map[string]Key{}
	unknown := map[string]contrail.Recorded{} // by key, an event that needs it
	asked := k.now()                          // before the database is: what it tells is at least as young
	for _, event := range events {
		id := event.Metadata[contrail.KeySealedWith]
		if _, known := keys[id]; known || !event.Sealed {
			continue
		}
		if key, cached := k.cache.get(id, asked); cached {
			keys[id] = key
		} else {
			unknown[id] = event
		}
	}
	if len(unknown) == 0 {
		return keys, nil
	}
	return keys, k.fetch(ctx, unknown, func(id string, key Key) {
		keys[id] = key
		k.cache.put(id, key, asked, asked.Add(k.ttl))
	})
}

// fetch gets keys from the database.
func (k *Keys) fetch(ctx context.Context, wanted map[string]contrail.Recorded, got func(id string, key Key)) error {
	ids := make([]string, 0, len(wanted))
	for id := range wanted {
		ids = append(ids, id)
	}
	rows, err := k.db.Query(ctx, fetchSQL, ids) //nolint:rowserrcheck // ForEachRow checks it
	if err != nil {
		return fmt.Errorf("fetch the keys of encrypted events: %w", err)
	}
	var id, wrapped string
	_, err = pgx.ForEachRow(rows, []any{&id, &wrapped}, func() error {
		key, err := k.keyring.Unwrap(id, wrapped)
		if err != nil {
			return about(wanted[id], err)
		}
		got(id, key)
		return nil
	})
	if err != nil {
		return fmt.Errorf("fetch the keys of encrypted events: %w", err)
	}
	return nil
}
