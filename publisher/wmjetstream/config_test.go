package wmjetstream_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/publisher/wmjetstream"
)

func TestNewNamesEveryFault(t *testing.T) {
	t.Parallel()
	_, err := wmjetstream.New(nil, wmjetstream.Config{InFlight: -1, AckTimeout: -1})
	require.EqualError(t, err, `wmjetstream.New: js must not be nil
wmjetstream.Config: InFlight is -1, must not be negative
wmjetstream.Config: AckTimeout is -1ns, must not be negative`)
}
