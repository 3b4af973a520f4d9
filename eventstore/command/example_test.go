package command_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/command"
	"github.com/contrail-events/contrail/internal/localstack"
)

// Seats is the state of a hall: how many seats are left.
type Seats struct {
	Left int `json:"left"`
}

// SeatsBooked is the only thing that happens to a hall.
type SeatsBooked struct {
	Seats int `json:"seats"`
}

// EventType is the event's name in the store.
func (SeatsBooked) EventType() string { return "SeatsBooked" }

// Book is a command.
type Book struct{ Seats int }

// ErrSoldOut refuses a command.
var ErrSoldOut = errors.New("sold out")

// halls is the aggregate as pure functions.
func halls() command.Decider[Seats, Book, SeatsBooked] {
	return command.Decider[Seats, Book, SeatsBooked]{
		Category: "hall",
		Initial:  func() Seats { return Seats{Left: 100} },
		Decide: func(state Seats, book Book) ([]SeatsBooked, error) {
			if book.Seats > state.Left {
				return nil, fmt.Errorf("%w: %d left", ErrSoldOut, state.Left)
			}
			return []SeatsBooked{{Seats: book.Seats}}, nil
		},
		Evolve: func(state Seats, event SeatsBooked) Seats {
			state.Left -= event.Seats
			return state
		},
		Decode: command.One(func(recorded contrail.Recorded) (event SeatsBooked, err error) {
			return event, json.Unmarshal(recorded.Data, &event)
		}),
	}
}

// exampleStore is a migrated database on a server of its own.
func exampleStore(ctx context.Context) (pool *pgxpool.Pool, store *eventstore.Store, closeAll func()) {
	server, err := localstack.StartPostgres(ctx, localstack.PostgresConfig{})
	if err != nil {
		panic(err)
	}
	pool, err = pgxpool.New(ctx, server.URL())
	if err != nil {
		panic(err)
	}
	if _, err := eventstore.Migrate(ctx, pool); err != nil {
		panic(err)
	}
	store, err = eventstore.New(eventstore.Config{})
	if err != nil {
		panic(err)
	}
	return pool, store, func() { pool.Close(); _ = server.Close() }
}

func ExampleHandler_Handle() {
	ctx := context.Background()
	pool, store, closeAll := exampleStore(ctx)
	defer closeAll()
	handler, err := command.New(store, halls(), command.Config{})
	if err != nil {
		panic(err)
	}

	result, err := handler.Handle(ctx, pool, "opera", Book{Seats: 60})
	fmt.Println(result.State.Left, "left at version", result.Version, err)
	_, err = handler.Handle(ctx, pool, "opera", Book{Seats: 60})
	fmt.Println(errors.Is(err, ErrSoldOut), err)
	// Output:
	// 40 left at version 1 <nil>
	// true decide hall-opera: sold out: 40 left
}

func ExampleHandler_HandleTx() {
	ctx := context.Background()
	pool, store, closeAll := exampleStore(ctx)
	defer closeAll()
	handler, err := command.New(store, halls(), command.Config{})
	if err != nil {
		panic(err)
	}

	// Both, or neither.
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		// … the service's own rows …
		for _, hall := range []string{"opera", "theatre"} {
			if _, err := handler.HandleTx(ctx, tx, hall, Book{Seats: 2}); err != nil {
				return err
			}
		}
		return nil
	})
	state, version, _ := handler.Load(ctx, pool, "theatre")
	fmt.Println(state.Left, "left at version", version, err)
	// Output: 98 left at version 1 <nil>
}

func ExampleAtVersion() {
	ctx := context.Background()
	pool, store, closeAll := exampleStore(ctx)
	defer closeAll()
	handler, err := command.New(store, halls(), command.Config{})
	if err != nil {
		panic(err)
	}

	_, seen, _ := handler.Load(ctx, pool, "opera") // what a person looks at, while another books
	_, err = handler.Handle(ctx, pool, "opera", Book{Seats: 1})
	fmt.Println(err)
	_, err = handler.Handle(ctx, pool, "opera", Book{Seats: 2}, command.AtVersion(seen))
	fmt.Println(errors.Is(err, contrail.ErrConflict), err)
	// Output:
	// <nil>
	// true handle hall-opera: stream hall-opera: expected no stream, but it is at version 1
}

func ExampleEvery() {
	ctx := context.Background()
	pool, store, closeAll := exampleStore(ctx)
	defer closeAll()
	handler, err := command.New(store, halls(), command.Config{Snapshots: command.Every(10), StateSchema: 1})
	if err != nil {
		panic(err)
	}
	for range 25 {
		if _, err := handler.Handle(ctx, pool, "opera", Book{Seats: 2}); err != nil {
			panic(err)
		}
	}
	var version int
	var kept string
	if err := pool.QueryRow(ctx, `SELECT version, state FROM contrail.snapshots`).Scan(&version, &kept); err != nil {
		panic(err)
	}
	fmt.Println("snapshot at version", version, kept)

	if _, err := pool.Exec(ctx, `DELETE FROM contrail.snapshots`); err != nil { // nothing is lost
		panic(err)
	}
	state, current, err := handler.Load(ctx, pool, "opera")
	fmt.Println(state.Left, "left at version", current, err)
	// Output:
	// snapshot at version 20 {"left":60}
	// 50 left at version 25 <nil>
}
