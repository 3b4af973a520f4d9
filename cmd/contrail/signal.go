package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// signalContext ends with the first SIGINT, SIGTERM or SIGHUP, upon which the verbs finish what they have begun. The second one ends the
// process at once. SIGPIPE is ignored: a write to a pipe that nobody reads fails instead, so that the verb can clean up.
func signalContext(stderr io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup asks us to stay
		signal.Notify(signals, syscall.SIGHUP)
	}
	signal.Ignore(syscall.SIGPIPE)
	stopped := make(chan struct{})
	go heed(signals, stopped, func() { cancel(errInterrupted) }, func() {
		_, _ = fmt.Fprintln(stderr, "contrail: aborted by a second signal")
		os.Exit(exitNot)
	})
	return ctx, func() {
		signal.Stop(signals)
		close(stopped)
		cancel(nil)
	}
}

// heed interrupts upon the first signal and aborts upon the second, until stopped is closed. When a terminal closes, both the shell and the
// kernel hang up, so SIGHUP is never the second one.
func heed(signals <-chan os.Signal, stopped <-chan struct{}, interrupt, abort func()) {
	for first := true; ; first = false {
		select {
		case received := <-signals:
			switch {
			case first:
				interrupt()
			case received != syscall.SIGHUP:
				abort()
				return
			}
		case <-stopped:
			return
		}
	}
}
