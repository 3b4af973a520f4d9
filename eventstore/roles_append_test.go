package eventstore_test

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/command"
	"github.com/contrail-events/contrail/eventstore/erasure"
	"github.com/contrail-events/contrail/eventstore/jsonl"
)

// visited is about a person, so it is encrypted.
type visited struct {
	Nights int `json:"nights"`
}

func (visited) EventType() string   { return "Visited" }
func (visited) DataSubject() string { return "guest-7" }

// What a service does that appends, with all that there is: encryption, commands with snapshots, a resumable import.
func TestRoleThatAppendsIsEnoughForEverything(t *testing.T) {
	t.Parallel()
	owner := granted(t)
	pool := login(t, owner, "contrail_append")
	ctx := t.Context()
	keyring, err := erasure.NewKeyring(erasure.KEK{ID: "test", Key: [32]byte{1}})
	require.NoError(t, err)
	store, err := eventstore.New(eventstore.Config{Keys: keyring})
	require.NoError(t, err)
	guests, err := command.New(store, command.Decider[int, visited, visited]{
		Category: "guest",
		Decide:   func(_ int, stay visited) ([]visited, error) { return []visited{stay}, nil },
		Evolve:   func(nights int, stay visited) int { return nights + stay.Nights },
		Decode: command.One(func(recorded contrail.Recorded) (stay visited, err error) {
			return stay, json.Unmarshal(recorded.Data, &stay)
		}),
	}, command.Config{Name: "nights", Snapshots: command.Every(1), Logger: slog.New(slog.NewTextHandler(complaints{t}, nil))})
	require.NoError(t, err)
	for range 3 { // the first makes the key, the second reads the first snapshot
		_, err = guests.Handle(ctx, pool, "7", visited{Nights: 2})
		require.NoError(t, err)
	}
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		_, err := guests.HandleTx(ctx, tx, "7", visited{Nights: 2})
		return err
	})
	require.NoError(t, err)
	nights, version, err := guests.Load(ctx, pool, "7")
	require.NoError(t, err)
	require.Equal(t, 8, nights)
	require.EqualValues(t, 4, version)
	require.Equal(t, int64(4), count(t, owner, `SELECT max(version) FROM contrail.snapshots`), "the snapshots were written")

	lines := strings.NewReader(`{"stream":"room-1","version":1,"type":"Cleaned","data":{}}` + "\n")
	done, err := jsonl.Import(ctx, pool, lines, jsonl.Config{Resume: true, Name: "rooms"})
	require.NoError(t, err)
	require.EqualValues(t, 1, done.Events)

	keys, err := erasure.NewKeys(pool, keyring, erasure.Config{})
	require.NoError(t, err)
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { _, err := keys.Erase(ctx, tx, "guest-7"); return err })
	require.ErrorContains(t, err, "permission denied for table keys", "to erase is no right of an appender's")
}

// complaints fails the test at each line that is logged.
type complaints struct{ testing.TB }

func (c complaints) Write(line []byte) (int, error) {
	c.Errorf("logged: %s", line)
	return len(line), nil
}

func count(tb testing.TB, db eventstore.Querier, query string) (n int64) {
	tb.Helper()
	require.NoError(tb, db.QueryRow(tb.Context(), query).Scan(&n))
	return n
}
