package pgfault_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/pgfault"
)

// A test goes through all trips of a program in both modes: whatever broke, once the program has been run again its effect is there once.
func TestProgramWithAFaultAtEveryTrip(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.pool.Exec(t.Context(), `ALTER TABLE effects ADD UNIQUE (name)`)
	require.NoError(t, err)
	program := func(name string, faults ...pgfault.Fault) (*pgfault.Network, error) {
		pool, network := w.open(t, faults...)
		_, err := pool.Exec(t.Context(), `INSERT INTO effects (name) VALUES ($1) ON CONFLICT DO NOTHING`, name)
		return network, err
	}
	network, err := program("no fault")
	require.NoError(t, err)
	for trip := range network.Trips() {
		for _, mode := range pgfault.Modes() {
			fault := pgfault.Fault{Trip: trip + 1, Mode: mode}
			_, err := program(fault.String(), fault)
			require.Error(t, err)
			_, err = program(fault.String())
			require.NoError(t, err)
		}
	}
	require.Equal(t, []string{"no fault", "before trip 1", "after trip 1", "before trip 2", "after trip 2"}, w.effects(t))
}

func ExampleFault() {
	fmt.Println("the connection breaks", pgfault.Fault{Trip: 7, Mode: pgfault.After})
	// Output:
	// the connection breaks after trip 7
}
