package instrument_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/instrument"
)

func carries(parent string) contrail.Metadata {
	return contrail.Metadata{contrail.KeyTraceparent: parent}
}

func TestSpanContext(t *testing.T) {
	t.Parallel()
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	found := instrument.SpanContext(t.Context(), carries(parent).With(contrail.KeyTracestate, "vendor=7"))
	require.True(t, found.IsValid())
	require.True(t, found.IsSampled())
	require.Equal(t, "00f067aa0ba902b7", found.SpanID().String())
	require.Equal(t, "vendor=7", found.TraceState().String())
	for _, bad := range []string{"", "x", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", parent + "\n"} {
		require.False(t, instrument.SpanContext(t.Context(), carries(bad)).IsValid(), bad)
	}
	require.False(t, instrument.SpanContext(t.Context(), nil).IsValid())
}

func TestIsSampled(t *testing.T) {
	t.Parallel()
	const until = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-"
	for flags, want := range map[string]bool{"00": false, "01": true, "02": false, "03": true, "ff": true, "": false, "011": false} {
		require.Equal(t, want, instrument.IsSampled(carries(until+flags)), flags)
	}
	require.False(t, instrument.IsSampled(nil))
}

// Only what is recorded is linked to, each append once, and no more than a span takes.
func TestLinks(t *testing.T) {
	t.Parallel()
	var events []contrail.Metadata
	for n := range 2 * instrument.MaxLinks {
		sampled := fmt.Sprintf("00-4bf92f3577b34da6a3ce929d0e0e4736-%016x-01", n+1)
		events = append(events, carries(sampled), carries(sampled), nil, carries(fmt.Sprintf("00-4bf92f3577b34da6a3ce929d0e0e4736-%016x-00", n+1)))
	}
	own := func(event contrail.Metadata) contrail.Metadata { return event }
	links := instrument.Links(t.Context(), events[:12], own)
	require.Len(t, links, 3)
	require.Equal(t, "0000000000000003", links[2].SpanContext.SpanID().String())
	require.Len(t, instrument.Links(t.Context(), events, own), instrument.MaxLinks)
	require.Empty(t, instrument.Links(t.Context(), events[2:4], own))
}
