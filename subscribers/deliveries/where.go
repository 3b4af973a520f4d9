package deliveries

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// where is a condition that grows, and its arguments.
type where struct {
	clauses []string
	args    []any
}

// and adds a condition in which each question mark stands for an argument.
func (w *where) and(clause string, args ...any) {
	w.clauses = append(w.clauses, w.bound(clause, args...))
}

// bound gives the arguments their numbers.
func (w *where) bound(text string, args ...any) string {
	for _, arg := range args {
		w.args = append(w.args, arg)
		text = strings.Replace(text, "?", "$"+strconv.Itoa(len(w.args)), 1)
	}
	return text
}

func (w *where) String() string {
	if len(w.clauses) == 0 {
		return ""
	}
	return ` WHERE ` + strings.Join(w.clauses, ` AND `)
}

// isText tells whether PostgreSQL takes s as a text.
func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }
