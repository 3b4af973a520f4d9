package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/contrail-events/contrail/internal/picture"
)

// statusPage is a picture as text.
type statusPage struct {
	app     *app
	picture picture.Picture
	rates   picture.Rates
	width   int // of the screen, in columns; 0: any
}

// section is a part of the page. Of a list that does not fit the screen the first entries are shown, and how many more there are.
type section struct {
	head []string   // above the list: the title, if it has one
	list [][]string // the lines of each entry
	most string     // the command that shows them all

	shown int // of the list
}

func (s section) lines() []string {
	lines := slices.Concat(append([][]string{s.head}, s.list[:s.shown]...)...)
	if more := len(s.list) - s.shown; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more; %s", more, s.most))
	}
	return lines
}

// lines are those of the page, on a screen of so many lines; 0: any number.
func (s statusPage) lines(height int) []string {
	sections := s.sections()
	for n := range sections {
		sections[n].shown = len(sections[n].list)
	}
	if height > 0 {
		for _, least := range []int{3, 1} { // of each list, however low the screen is
			for tooLong(sections, height-1) && shorten(sections, least) { // the last line is the prompt's
			}
		}
	}
	var lines []string
	for _, one := range sections {
		lines = append(lines, one.lines()...)
	}
	for n, line := range lines {
		lines[n] = s.cut(line)
	}
	return lines
}

func tooLong(sections []section, height int) bool {
	for _, one := range sections {
		height -= len(one.lines())
	}
	return height < 0
}

// shorten leaves out the last entry of the longest list, unless each is as short as it may be.
func shorten(sections []section, least int) bool {
	longest := -1
	for n, one := range sections {
		if one.shown > least && (longest < 0 || one.shown >= sections[longest].shown) {
			longest = n
		}
	}
	if longest < 0 {
		return false
	}
	one := &sections[longest]
	if one.shown == len(one.list) && one.shown > least+1 {
		one.shown-- // its place is taken by the line that says how many more there are
	}
	one.shown--
	return true
}

// cut shortens a line to the screen. One of our colours is at its beginning, if anywhere.
func (s statusPage) cut(line string) string {
	colour := ownColour(line)
	if colour == "" {
		return cut(line, s.width)
	}
	inner, rest, _ := strings.Cut(line[len(colour):], plain)
	used := columnsOf(inner)
	if s.width > 0 && used >= s.width {
		return colour + cut(inner, s.width) + plain
	}
	if s.width > 0 {
		rest = cut(rest, s.width-used)
	}
	return colour + inner + plain + rest
}

// table makes lines of rows, the first of which has the titles; nothing is cut yet.
func (s statusPage) table(rows [][]string, right ...int) []string {
	text := (&table{title: rows[0], right: right, bold: func(text string) string { return s.app.paint(bold, text) }}).text(rows[1:])
	return strings.Split(strings.TrimRight(text, "\n"), "\n")
}

// pairs makes lines of names and texts.
func pairLines(rows [][]string) []string {
	for n, row := range rows {
		rows[n] = shownCells(row)
	}
	return strings.Split(strings.TrimRight(pairsText(rows, 0), "\n"), "\n")
}
