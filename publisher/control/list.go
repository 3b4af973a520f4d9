package control

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Querier asks the database: a pool, a connection or a transaction of pgx.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

const (
	listSQL = `SELECT ` + relayColumns + ` FROM contrail.relay_processes p WHERE $1::text IN ('', p.relay) ORDER BY p.relay, p.started_at, p.id`
	getSQL  = `SELECT ` + relayColumns + ` FROM contrail.relay_processes p WHERE p.id = $1::uuid`

	stacksSQL = `SELECT coalesce(dump, ''), coalesce(dumped_at, 'epoch') FROM contrail.relay_processes WHERE id = $1::uuid`
)

// List returns the relays of a JetStream stream, oldest first; of all streams if stream is "". A relay that has died without a farewell
// stays on the list, as gone, for a day or until another relay starts, whichever is later, or until [Remove].
func List(ctx context.Context, db Querier, stream string) ([]Relay, error) {
	return collect(ctx, db, listSQL, stream)
}

// Get returns one relay, or [ErrNotFound].
func Get(ctx context.Context, db Querier, id uuid.UUID) (Relay, error) {
	found, err := collect(ctx, db, getSQL, id.String())
	switch {
	case err != nil:
		return Relay{}, err
	case len(found) == 0:
		return Relay{}, fmt.Errorf("relay %s: %w", id, ErrNotFound)
	}
	return found[0], nil
}

func collect(ctx context.Context, db Querier, query string, args ...any) ([]Relay, error) {
	rows, err := db.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list relays: %w", err)
	}
	found, err := pgx.CollectRows(rows, scanRelay)
	if err != nil {
		return nil, fmt.Errorf("list relays: %w", err)
	}
	return found, nil
}

// Find returns the relay that a person means: by its identity, its id or a beginning of the id that no other has. Of several that have the same
// identity it is the only one that is not gone. stream bounds the search; "" means all streams. The error wraps [ErrNotFound] or is an
// [*AmbiguousError].
func Find(ctx context.Context, db Querier, stream, name string) (Relay, error) {
	all, err := List(ctx, db, stream)
	if err != nil {
		return Relay{}, err
	}
	var found, alive []Relay
	for _, relay := range all {
		if name == "" || relay.Identity != name && !strings.HasPrefix(relay.ID.String(), strings.ToLower(name)) {
			continue
		}
		found = append(found, relay)
		if !relay.Gone {
			alive = append(alive, relay)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(alive) == 1:
		return alive[0], nil
	case len(found) == 0:
		return Relay{}, fmt.Errorf("relay %q: %w", name, ErrNotFound)
	}
	return Relay{}, &AmbiguousError{Name: name, Matches: found}
}

// Stacks returns the stacks of a relay's goroutines, as they were when they were dumped last, and when that was by the database's clock: a relay
// that never has returns none, and 1970. The error wraps [ErrNotFound].
func Stacks(ctx context.Context, db Querier, id uuid.UUID) (stacks string, at time.Time, err error) {
	err = db.QueryRow(ctx, stacksSQL, id.String()).Scan(&stacks, &at)
	return stacks, at, explain("read the goroutines of", id, err)
}
