package main

import (
	"io"
	"os"
	"strconv"

	"github.com/mattn/go-runewidth"
	"golang.org/x/term"
)

// isTerminal is whether a person reads what is written there.
func isTerminal(to io.Writer) bool {
	file, ok := to.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// width is how many columns a line of a result may take: those of COLUMNS if it is set, those of the terminal if there is one, and any number (0)
// elsewhere, so that what is piped is never cut.
func (a *app) width() int {
	if columns, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && columns > 0 {
		return columns
	}
	if file, ok := a.stdout.(*os.File); ok {
		if columns, _, err := term.GetSize(int(file.Fd())); err == nil {
			return columns
		}
	}
	return 0
}

// letters measures texts in columns of a terminal: wide characters take two, and those that combine with another take none.
func letters() *runewidth.Condition { return &runewidth.Condition{StrictEmojiNeutral: true} }

// columnsOf is how many columns a text takes.
func columnsOf(text string) int { return letters().StringWidth(text) }

// cut shortens a text to so many columns; 0 leaves it as it is.
func cut(text string, width int) string {
	if width == 0 || columnsOf(text) <= width {
		return text
	}
	return letters().Truncate(text, width, "…")
}
