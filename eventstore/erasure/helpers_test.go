package erasure_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore/erasure"
)

func kek(id string) erasure.KEK {
	k := erasure.KEK{ID: id}
	copy(k.Key[:], "the key-encryption key named "+id+" padded to more than enough bytes")
	copy(k.Key[24:], id)
	return k
}

func keyring(tb testing.TB, ids ...string) *erasure.Keyring {
	tb.Helper()
	keks := make([]erasure.KEK, len(ids))
	for i, id := range ids {
		keks[i] = kek(id)
	}
	ring, err := erasure.NewKeyring(keks...)
	require.NoError(tb, err)
	return ring
}

func newKey(tb testing.TB, ring *erasure.Keyring) (erasure.Key, string) {
	tb.Helper()
	key, wrapped, err := ring.NewKey()
	require.NoError(tb, err)
	return key, wrapped
}

func newKeys(tb testing.TB, db erasure.DB, ring *erasure.Keyring, cfg erasure.Config) *erasure.Keys {
	tb.Helper()
	keys, err := erasure.NewKeys(db, ring, cfg)
	require.NoError(tb, err)
	return keys
}

// contact is the event that a store would read back, encrypted.
func contact(key erasure.Key, n string, data string) contrail.Recorded {
	event := contrail.Recorded{
		Position: 7, ID: uuid.New(), Stream: contrail.NewStreamID("contact", n), Version: 1, Type: "ContactRenamed",
		Metadata: contrail.Metadata{contrail.KeySealedWith: key.ID()}, Sealed: true,
	}
	event.Data = key.Seal(event.ID, event.Stream, event.Type, json.RawMessage(data))
	return event
}

// pgxQuery asks a transaction of pgx.
func pgxQuery(ctx context.Context, tx pgx.Tx) erasure.Query {
	return func(statement string, args ...any) (erasure.Rows, error) {
		return tx.Query(ctx, statement, args...) //nolint:rowserrcheck,sqlclosecheck // who asked does both
	}
}

// sqlQuery asks a transaction of database/sql.
func sqlQuery(ctx context.Context, tx *sql.Tx) erasure.Query {
	return func(statement string, args ...any) (erasure.Rows, error) {
		rows, err := tx.QueryContext(ctx, statement, args...) //nolint:rowserrcheck // who asked does
		return sqlRows{rows}, err
	}
}

type sqlRows struct{ *sql.Rows }

func (r sqlRows) Close() { _ = r.Rows.Close() }

// keysFor gets keys in a transaction of its own.
func keysFor(tb testing.TB, pool *pgxpool.Pool, ring *erasure.Keyring, subjects ...string) map[string]erasure.Key {
	tb.Helper()
	var keys map[string]erasure.Key
	require.NoError(tb, pgx.BeginFunc(tb.Context(), pool, func(tx pgx.Tx) (err error) {
		keys, err = ring.KeysFor(subjects, pgxQuery(tb.Context(), tx))
		return err
	}))
	return keys
}

// erase erases in a transaction of its own.
func erase(ctx context.Context, pool *pgxpool.Pool, keys *erasure.Keys, subject string) (erased bool, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		erased, err = keys.Erase(ctx, tx, subject)
		return err
	})
	return erased, err
}

func begin(tb testing.TB, pool *pgxpool.Pool) pgx.Tx {
	tb.Helper()
	tx, err := pool.Begin(tb.Context())
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	return tx
}

func value[T any](tb testing.TB, pool *pgxpool.Pool, query string, args ...any) T {
	tb.Helper()
	var v T
	require.NoError(tb, pool.QueryRow(tb.Context(), query, args...).Scan(&v))
	return v
}
