package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// choiceFlags say about which things a person decides, where they are not named one by one.
type choiceFlags struct {
	All   bool  `env:"-" help:"All that the filters select."`
	Limit int64 `env:"-" help:"With --all: at most so many, the oldest; 0: no limit."`
	Yes   bool  `short:"y" env:"-" help:"With --all: do not ask."`
	JSON  bool  `name:"json" help:"Print JSON lines."`
}

// choosable is what can be chosen, in the words of complaints.
type choosable struct {
	names    string // what is named: "letters"
	question string // what to ask who names none: "which letters? give them by number"
}

// check refuses what makes no sense: so many things are named, and whether filters are given.
func (c choiceFlags) check(of choosable, named int, filtered bool) error {
	switch {
	case c.Limit < 0:
		return usagef("--limit is %d; give 0 or more", c.Limit)
	case c.All && named > 0:
		return usagef("both %s and --all are given; give one of them", of.names)
	case !c.All && named == 0:
		return usagef("%s, or --all", of.question)
	case !c.All && (filtered || c.Limit > 0):
		return of.errNothingToSelect("give --all")
	}
	return nil
}

// errNothingToSelect says that things are named, and selected as well.
func (of choosable) errNothingToSelect(instead string) error {
	return usagef("%s are given, so there is nothing to select; leave the filters and --limit away, or %s", of.names, instead)
}

// confirmChange asks for a word.
func (a *app) confirmChange(ctx context.Context, from io.Reader, question, word string) error {
	_, _ = fmt.Fprintf(a.stderr, "contrail %s: %s; type %s to go on: ", a.verb, printable(question), word)
	typed := make(chan string, 1)
	go func() { // a signal must not wait for it
		line, _ := bufio.NewReader(from).ReadString('\n')
		typed <- strings.TrimSpace(line)
	}()
	select {
	case <-ctx.Done():
		return context.Cause(ctx) //nolint:wrapcheck // the signal
	case answer := <-typed:
		if answer != word {
			return errors.New("nothing was changed, since it was not confirmed; give --yes where there is nobody to ask")
		}
	}
	return nil
}

// alternatives is "parked, held or requeued".
func alternatives[S ~string](states []S) string {
	var text strings.Builder
	for n, state := range states {
		switch {
		case n > 0 && n == len(states)-1:
			text.WriteString(" or ")
		case n > 0:
			text.WriteString(", ")
		}
		text.WriteString(string(state))
	}
	return text.String()
}

// olderThan reads how long ago what is purged was changed, at least.
func olderThan(text string) (time.Duration, error) {
	age, err := duration(text)
	if err != nil || age <= 0 {
		return 0, usagef("--older-than is %q; give how long ago as 36h or 30d", text)
	}
	return age, nil
}
