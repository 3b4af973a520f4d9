package main

import (
	"fmt"
	"strings"

	"github.com/contrail-events/contrail/subscribers/steps"
)

// advice is why the run stands where it stands, and what a person may do.
func (s shownRun) advice() []string {
	lines := []string{printable(s.Why)}
	say := func(what, verb, flags string) {
		lines = append(lines, fmt.Sprintf("%s: contrail runs %s %s%s", what, verb, quoted(s.Key), flags))
	}
	const because = " --because '…'"
	switch {
	case s.Status == steps.Finished, s.Status == steps.Cancelled:
	case s.Status == steps.Failed && len(s.Undone) > 0:
		say("Begin another run with another key; or forget this one, and begin it again", "purge", " --older-than 1s")
	case s.Status == steps.Failed:
		say("Do away with the cause, and have it go on at that step, if nothing of that is done", "retry", because)
	case s.Status == steps.Halted:
		say("Look into it, and have it go on", "retry", because)
		s.sayHowToEnd(say, because)
	default:
		if !s.Performing {
			say("Have it go on now", "retry", because)
		}
		s.sayHowToEnd(say, because)
	}
	return lines
}

func (s shownRun) sayHowToEnd(say func(what, verb, flags string), because string) {
	if s.EndsAs == "" {
		say("Or end it, and have its steps undone", "cancel", because)
		return
	}
	say("Or end it with nothing more undone", "cancel", " --no-undo"+because)
}

// quoted is a key as a shell takes it.
func quoted(key string) string {
	key = printable(key)
	if key != "" && !strings.ContainsFunc(key, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_./:@+,%=", r)
	}) && key[0] != '-' {
		return key
	}
	return "'" + strings.ReplaceAll(key, "'", `'\''`) + "'"
}
