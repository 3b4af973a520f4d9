package main

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTuneGC(t *testing.T) { // not in parallel: the collector is the whole process's
	before := debug.SetGCPercent(77)
	defer debug.SetGCPercent(before)
	t.Setenv("GOGC", "50")
	tuneGC()
	require.Equal(t, 77, debug.SetGCPercent(77), "what the environment says is left alone")
	t.Setenv("GOGC", "")
	tuneGC()
	require.Equal(t, relayGCPercent, debug.SetGCPercent(77))
}
