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

// controlled is a relay that signals pause, resume and look into, while it runs.
type controlled interface {
	Pause()
	Resume()
	Dump()
}

// heedControls does what each signal is for, one after another, until the function that it returns is called.
func heedControls(controls map[os.Signal]func()) (stop func()) {
	if len(controls) == 0 { // signal.Notify would take them all
		return func() {}
	}
	signals := make(chan os.Signal, 8) // none is waited for: what is sent while one is done must find room
	for one := range controls {
		signal.Notify(signals, one)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for received := range signals {
			controls[received]()
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
		<-ended
	}
}
