package main

import (
	"slices"
	"strings"
)

const (
	tableStep  = 1000 // rows of a table that are aligned together
	columnGap  = 2    // between two columns
	shortCell  = 24   // a column of no more than that is never cut: a number, a time, a state
	shortLast  = 8    // unless it is the last one
	leastPairs = 20   // columns that are left for the text of a pair, before it goes below its name
)

// table is rows in aligned columns below their titles. It fits the terminal: columns of text are cut where they are too wide, the last first, and
// the first, by which one asks for more, at last. Where that does not help each row is told in pairs of title and text, uncut.
//
// What cells hold is shown and never done by the terminal.
type table struct {
	title []string
	right []int // columns of numbers, which stand on the right
	limit int   // columns of the terminal; 0: any number
	bold  func(text string) string

	widths []int // of the columns as they come; they only grow
	begun  bool
	asked  bool // told in pairs: once begun, it goes on like that
}

func (a *app) newTable(title []string, right ...int) *table {
	return &table{title: title, right: right, limit: a.width(), bold: func(text string) string { return a.paint(bold, text) }}
}

// printTable writes rows of cells in aligned columns, of which the first has the titles; those columns listed in right are numbers.
func (a *app) printTable(rows [][]string, right ...int) {
	if len(rows) > 0 {
		a.printf("%s", a.newTable(rows[0], right...).text(rows[1:]))
	}
}

// text is the next rows of the table, and above the first of them the titles.
func (t *table) text(rows [][]string) string {
	if !t.begun {
		t.grow(t.title)
	}
	for n, row := range rows {
		rows[n] = shownCells(row)
		t.grow(rows[n])
	}
	widths, fits := t.fit()
	t.asked = t.asked || !fits
	var text strings.Builder
	if !t.begun && !t.asked {
		text.WriteString(t.bold(t.line(t.title, widths)) + "\n")
	}
	for _, row := range rows {
		switch {
		case !t.asked:
			text.WriteString(t.line(row, widths) + "\n")
		case t.begun:
			text.WriteString("\n" + t.pairs(row))
		default:
			text.WriteString(t.pairs(row))
		}
		t.begun = true
	}
	t.begun = true
	return text.String()
}

func shownCells(row []string) []string {
	safe := make([]string, len(row))
	for n, cell := range row {
		safe[n] = shownCell(cell)
	}
	return safe
}

// shownCell leaves the colour of a painted word.
func shownCell(cell string) string {
	colour := ownColour(cell)
	if inner, painted := strings.CutSuffix(cell[len(colour):], plain); colour != "" && painted {
		return colour + printable(inner) + plain
	}
	return printable(cell)
}

// word is a cell without its colour.
func word(cell string) string {
	colour := ownColour(cell)
	if inner, painted := strings.CutSuffix(cell[len(colour):], plain); painted {
		return inner
	}
	return cell
}

func (t *table) grow(row []string) {
	for n, cell := range row {
		if n == len(t.widths) {
			t.widths = append(t.widths, 0)
		}
		t.widths[n] = max(t.widths[n], columnsOf(word(cell)))
	}
}

// fit is how wide each column may be, and whether they fit at all.
func (t *table) fit() ([]int, bool) {
	widths := slices.Clone(t.widths)
	excess := columnGap*(len(widths)-1) - t.limit
	for _, width := range widths {
		excess += width
	}
	if t.limit == 0 {
		return widths, true
	}
	order := t.leastFirst()
	narrow := func(n, least int) {
		if n < len(t.title) {
			least = max(least, columnsOf(t.title[n]))
		}
		taken := max(min(excess, widths[n]-least), 0)
		widths[n], excess = widths[n]-taken, excess-taken
	}
	for _, n := range order {
		narrow(n, shortCell)
	}
	if len(order) > 0 {
		narrow(order[0], shortLast)
	}
	return widths, excess <= 0
}

// leastFirst are the columns of text, the least important first.
func (t *table) leastFirst() []int {
	var order []int
	for n := range slices.Backward(t.widths) {
		if !slices.Contains(t.right, n) {
			order = append(order, n)
		}
	}
	return order
}

func (t *table) line(row []string, widths []int) string {
	var line strings.Builder
	for n, cell := range row {
		bare := word(cell)
		short := cut(bare, widths[n])
		cell = strings.Replace(cell, bare, short, 1)
		padding := strings.Repeat(" ", widths[n]-columnsOf(short))
		if slices.Contains(t.right, n) {
			cell = padding + cell
		} else {
			cell += padding
		}
		line.WriteString(cell + strings.Repeat(" ", columnGap))
	}
	return strings.TrimRight(line.String(), " ")
}

// pairs is one row as pairs of title and text.
func (t *table) pairs(row []string) string {
	var rows [][]string
	for n, cell := range row {
		if n < len(t.title) && cell != "" && cell != "-" {
			rows = append(rows, []string{t.title[n], cell})
		}
	}
	return pairsText(rows, t.limit)
}
