package publisher

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

// Section 6 of the design, row by row.
func TestDecide(t *testing.T) {
	t.Parallel()
	ours := func(position contrail.Position) lastMessage {
		return lastMessage{found: true, ours: true, message: wire.Message{Recorded: contrail.Recorded{Position: position}}}
	}
	foreign, none := lastMessage{found: true}, lastMessage{}
	for name, test := range map[string]struct {
		recorded cursor
		sequence uint64
		last     lastMessage
		want     resumption
		err      error
	}{
		"a new stream":                   {cursor{}, 0, none, resumption{goOn, cursor{}}, nil},
		"the one recorded":               {cursor{520, 500}, 500, ours(520), resumption{goOn, cursor{520, 500}}, nil},
		"the one recorded, aged out":     {cursor{520, 500}, 500, none, resumption{goOn, cursor{520, 500}}, nil},
		"the cursor was lost":            {cursor{}, 500, ours(520), resumption{compare, cursor{520, 500}}, nil},
		"higher, ours":                   {cursor{520, 500}, 510, ours(530), resumption{compare, cursor{530, 510}}, nil},
		"higher, foreign":                {cursor{520, 500}, 510, foreign, resumption{}, ErrForeignWriter},
		"never written, and foreign":     {cursor{}, 510, foreign, resumption{}, ErrForeignWriter},
		"lower, ours: the tail was lost": {cursor{520, 500}, 490, ours(505), resumption{resend, cursor{505, 490}}, nil},
		"lower, empty":                   {cursor{520, 500}, 0, none, resumption{}, ErrForeignStream},
		"lower, foreign":                 {cursor{520, 500}, 3, foreign, resumption{}, ErrForeignStream},
		"the same number, but foreign":   {cursor{520, 500}, 500, foreign, resumption{}, ErrForeignStream},
		"higher, and emptied":            {cursor{520, 500}, 510, none, resumption{}, ErrForeignStream},
		"emptied, and never written":     {cursor{}, 510, none, resumption{goOn, cursor{0, 510}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := decide("EVENTS", test.recorded, test.sequence, test.last)
			require.ErrorIs(t, err, test.err)
			require.Equal(t, test.want, got)
		})
	}
}

func TestTraceparentHeaderTakesOnlyTraceContexts(t *testing.T) {
	t.Parallel()
	require.True(t, isTraceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
	for _, bad := range []string{"", "x", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0\n", "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"} {
		require.False(t, isTraceparent(bad), bad)
	}
}
