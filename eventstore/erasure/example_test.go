package erasure_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/erasure"
	"github.com/contrail-events/contrail/internal/localstack"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// Keys come from a flag, a variable or a file; errors name entries, and never show a key.
func ExampleParseKEKs() {
	keks, err := erasure.ParseKEKs("2026-11:bm90IGEgc2VjcmV0LCBidXQgMzIgYnl0ZXMgbG9uZy4=,2025-03:QW5vdGhlciBvbmUsIGFsc28gMzIgYnl0ZXMgbG9uZyE=")
	fmt.Println(keks, err)
	_, err = erasure.ParseKEKs("2026-11:c2hvcnQ=")
	fmt.Println(err)
	// Output:
	// [KEK 2026-11 KEK 2025-03] <nil>
	// read key-encryption keys: key-encryption key 1 (2026-11): the key has 5 bytes, not 32; `openssl rand -base64 32` makes one
}

// A key encrypts the data of a person's events. Once it is deleted, nobody reads them.
func ExampleKeyring_Open() {
	keks := must(erasure.ParseKEKs("2026-11:bm90IGEgc2VjcmV0LCBidXQgMzIgYnl0ZXMgbG9uZy4="))
	keyring := must(erasure.NewKeyring(keks...))
	key, wrapped, err := keyring.NewKey()
	if err != nil {
		panic(err)
	}
	event := contrail.Recorded{
		ID: uuid.New(), Stream: contrail.NewStreamID("contact", "42"), Type: "ContactRenamed",
		Metadata: contrail.Metadata{contrail.KeySealedWith: key.ID()}, Sealed: true,
	}
	event.Data = key.Seal(event.ID, event.Stream, event.Type, json.RawMessage(`{"name":"Ada"}`))

	opened := must(keyring.Open(event, &wrapped))
	fmt.Println(string(opened.Data), opened.Sealed, opened.Erased)
	opened = must(keyring.Open(event, nil)) // there is no wrapped key any more
	fmt.Println(string(opened.Data), opened.Sealed, opened.Erased)
	// Output:
	// {"name":"Ada"} false false
	// null false true
}

// Erase works in the caller's transaction, so that an event which tells of it can be appended beside it.
func ExampleKeys_Erase() {
	ctx := context.Background()
	pool, keyring, closeAll := exampleStore(ctx)
	defer closeAll()
	store := must(eventstore.New(eventstore.Config{Keys: keyring}))
	keys := must(erasure.NewKeys(pool, keyring, erasure.Config{}))
	contact := contrail.NewStreamID("contact", "42")
	read := func() {
		for event, err := range store.Load(ctx, pool, contact, 1) {
			fmt.Println(event.Type, string(event.Data), event.Erased, err)
		}
	}
	renamed := contrail.Event{Type: "ContactRenamed", Data: json.RawMessage(`{"name":"Ada"}`), DataSubject: "contact-42"}
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		_, err := store.Append(ctx, tx, contact, eventstore.NoStream, renamed)
		return err
	})
	if err != nil {
		panic(err)
	}
	read()

	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := keys.Erase(ctx, tx, "contact-42"); err != nil {
			return err
		}
		_, err := store.Append(ctx, tx, contact, eventstore.Any, contrail.Event{Type: "ContactErased", Data: struct{}{}})
		return err
	})
	if err != nil {
		panic(err)
	}
	read()
	// Output:
	// ContactRenamed {"name":"Ada"} false <nil>
	// ContactRenamed null true <nil>
	// ContactErased {} false <nil>
}

// To change the key-encryption key, put the new one in front, wrap all keys anew, and take the old one away.
func ExampleKeys_Rewrap() {
	ctx := context.Background()
	pool, old, closeAll := exampleStore(ctx)
	defer closeAll()
	must(old.KeysFor([]string{"contact-1", "contact-2"}, func(statement string, args ...any) (erasure.Rows, error) {
		return pool.Query(ctx, statement, args...) //nolint:rowserrcheck,sqlclosecheck // KeysFor does both
	}))

	both := must(erasure.NewKeyring(kek("2026-11"), kek("2025-03")))
	keys := must(erasure.NewKeys(pool, both, erasure.Config{}))
	done, err := keys.Rewrap(ctx, 0)
	fmt.Println(done.Changed, done.Current, done.Failed, err)
	for subject, err := range keys.Subjects(ctx) {
		fmt.Println(subject.Name, subject.KEK, err)
	}
	// Output:
	// 2 0 0 <nil>
	// contact-1 2026-11 <nil>
	// contact-2 2026-11 <nil>
}

// exampleStore starts a server: an example has no testing.TB.
func exampleStore(ctx context.Context) (*pgxpool.Pool, *erasure.Keyring, func()) {
	server := must(localstack.StartPostgres(ctx, localstack.PostgresConfig{}))
	pool := must(pgxpool.New(ctx, server.URL()))
	must(eventstore.Migrate(ctx, pool))
	return pool, must(erasure.NewKeyring(kek("2025-03"))), func() {
		pool.Close()
		if err := server.Close(); err != nil {
			panic(err)
		}
	}
}
