package main

import (
	"os"
	"strings"
)

const (
	green  = "\x1b[32m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	bold   = "\x1b[1m"
	plain  = "\x1b[0m"
)

// paint colours a word where that is wanted. What it says must be said by the word alone.
func (a *app) paint(colour, text string) string {
	if !a.coloured() {
		return text
	}
	return colour + text + plain
}

// coloured is whether results have colours.
func (a *app) coloured() bool { return wantsColour(a.Color, os.Getenv, isTerminal(a.stdout)) }

// wantsColour decides as --color says, or else as NO_COLOR (no-color.org) and CLICOLOR_FORCE (bixense.com/clicolors) say, or else by whether there is a
// terminal that is not dumb.
func wantsColour(flag string, env func(name string) string, terminal bool) bool {
	switch force := env("CLICOLOR_FORCE"); {
	case flag == "always":
		return true
	case flag == "never", env("NO_COLOR") != "":
		return false
	case force != "" && force != "0":
		return true
	}
	return terminal && env("TERM") != "dumb"
}

// ownColour is the colour that a text begins with, if it is one that paint uses.
func ownColour(text string) string {
	for _, code := range []string{green, red, yellow, bold, plain} {
		if strings.HasPrefix(text, code) {
			return code
		}
	}
	return ""
}
