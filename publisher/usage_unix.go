//go:build unix

package publisher

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"time"
)

// usage returns the seconds of CPU that this process has used, and its resident memory in bytes, which only Linux tells without a C library: it
// is 0 elsewhere.
func usage() (cpu float64, rss uint64) {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err == nil {
		cpu = time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
	}
	text, err := os.ReadFile("/proc/self/statm")
	if fields := bytes.Fields(text); err == nil && len(fields) > 1 {
		pages, _ := strconv.ParseUint(string(fields[1]), 10, 64) // 0 for what is no number
		rss = pages * uint64(os.Getpagesize())                   //nolint:gosec // it is above zero
	}
	return cpu, rss
}
