//go:build unix

package main

import (
	"os"
	"syscall"
)

// controls are the signals that control a relay beside those that end it. The first one is what Ctrl-Z sends: it pauses the relay and not the
// process, which would leave a leader frozen.
func controls[R controlled](relays ...R) map[os.Signal]func() {
	each := func(do func(R)) func() {
		return func() {
			for _, relay := range relays {
				do(relay)
			}
		}
	}
	return map[os.Signal]func(){syscall.SIGTSTP: each(R.Pause), syscall.SIGCONT: each(R.Resume), syscall.SIGTTIN: each(R.Dump)}
}
