package main

import (
	"os"
	"runtime/debug"
)

// relayGCPercent lets a relay's heap grow to three times what lives in it before it is collected. What lives is a few megabytes, batches on their way, and
// nearly all the rest is garbage at once: a backlog is relayed with less CPU time, and resident memory grows by a few megabytes.
const relayGCPercent = 200

// tuneGC sets the garbage collector for a process that relays, unless the environment does.
func tuneGC() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(relayGCPercent)
	}
}
