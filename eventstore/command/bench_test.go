package command_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore/command"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// balance is a state that does not grow with its stream.
type balance struct{ Cents int64 }

// BenchmarkHandle is one command on an aggregate with 10,000 events.
func BenchmarkHandle(b *testing.B) {
	for name, every := range map[string]int{"no snapshots": 0, "a snapshot every 100 events": 100} {
		b.Run(name, func(b *testing.B) {
			pool := pgtest.New(b)
			exec(b, pool, `INSERT INTO contrail.events (stream, version, type, data)
				SELECT 'account-42', n, 'MoneyMoved', '{"amount": 1, "note": "n"}' FROM generate_series(1, 10000) n`)
			exec(b, pool, `ANALYZE contrail.events`)
			handler, err := command.New(newStore(b), command.Decider[balance, moved, moved]{
				Category: "account",
				Decide:   func(_ balance, wanted moved) ([]moved, error) { return []moved{wanted}, nil },
				Evolve:   func(state balance, event moved) balance { return balance{Cents: state.Cents + event.Amount} },
				Decode:   command.One(func(recorded contrail.Recorded) (moved, error) { return decodeAs[moved](recorded) }),
			}, command.Config{Snapshots: command.Every(every), Logger: failingLogger(b)})
			require.NoError(b, err)
			_, err = handler.Handle(b.Context(), pool, "42", moved{Amount: 1}) // takes the first snapshot
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := handler.Handle(b.Context(), pool, "42", moved{Amount: 1}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
