package main

import (
	"fmt"
	"time"

	"github.com/alecthomas/kong"
)

// every is a flag that says how often: 2s where it stands alone, --flag=TIME otherwise; zero: not at all.
type every time.Duration

const (
	usually = every(2 * time.Second)
	soonest = every(100 * time.Millisecond)
)

// IsBool tells kong that no value need follow.
func (*every) IsBool() bool { return true }

// Decode reads the value, if one follows behind a =.
func (e *every) Decode(ctx *kong.DecodeContext) error {
	token := ctx.Scan.Peek()
	if token.Type != kong.FlagValueToken {
		*e = usually
		return nil
	}
	text := fmt.Sprint(ctx.Scan.Pop().Value)
	switch text {
	case "true", "":
		*e = usually
		return nil
	case "false":
		*e = 0
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return usagef("--%s is %q; give a time, as in --%s=5s", ctx.Value.Name, text, ctx.Value.Name)
	}
	*e = every(d)
	return nil
}

// check refuses what can't be.
func (e *every) check(flag string) error {
	if *e != 0 && *e < soonest {
		return usagef("%s is %s; give %s or more", flag, time.Duration(*e), time.Duration(soonest))
	}
	return nil
}
