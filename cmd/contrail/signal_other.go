//go:build !unix

package main

import "os"

// controls are none here: the system has no such signals. contrail relays does the same.
func controls[R controlled](...R) map[os.Signal]func() { return nil }
