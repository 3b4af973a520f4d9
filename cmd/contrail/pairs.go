package main

import (
	"strings"
)

// printPairs writes what is said of one thing: a name and a text in each row. A text that is too long for the terminal goes on in the next line, and
// nothing of it is cut.
func (a *app) printPairs(rows [][]string) {
	safe := make([][]string, len(rows))
	for n, row := range rows {
		safe[n] = shownCells(row)
	}
	a.printf("%s", pairsText(safe, a.width()))
}

func pairsText(rows [][]string, limit int) string {
	names := 0
	for _, row := range rows {
		names = max(names, columnsOf(row[0]))
	}
	indent := names + columnGap
	if limit > 0 && limit < indent+leastPairs {
		indent = columnGap
	}
	var text strings.Builder
	for _, row := range rows {
		lines := []string{row[1]}
		if limit > 0 {
			lines = wrapped(row[1], max(limit-indent, 1))
		}
		name := row[0]
		if indent > names {
			name += strings.Repeat(" ", indent-columnsOf(name))
		} else {
			name = strings.TrimRight(name, " ") + "\n" + strings.Repeat(" ", indent)
		}
		for n, line := range lines {
			if n > 0 {
				name = strings.Repeat(" ", indent)
			}
			text.WriteString(strings.TrimRight(name+line, " ") + "\n")
		}
	}
	return text.String()
}

// wrapped breaks a text into lines of so many columns, between words where that is possible.
func wrapped(text string, width int) []string {
	if columnsOf(word(text)) <= width {
		return []string{text}
	}
	var lines []string
	line := ""
	for part := range strings.FieldsSeq(text) {
		if line != "" && columnsOf(line)+1+columnsOf(part) <= width {
			line += " " + part
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for columnsOf(part) > width {
			head := letters().Truncate(part, width, "")
			if head == "" { // a wide character in one column
				break
			}
			lines, part = append(lines, head), part[len(head):]
		}
		line = part
	}
	return append(lines, line)
}
