package sqltext

import (
	"strconv"
	"strings"
)

// Where is a condition that grows, and its arguments. The zero value is no condition. It is for one goroutine.
type Where struct {
	Args []any // those of all clauses, in the order of their numbers

	clauses []string
}

// And adds a condition in which each question mark stands for an argument.
func (w *Where) And(clause string, args ...any) {
	w.clauses = append(w.clauses, w.Bound(clause, args...))
}

// Bound gives the arguments of a text that is not among the conditions, such as a limit, their numbers.
func (w *Where) Bound(text string, args ...any) string {
	for _, arg := range args {
		w.Args = append(w.Args, arg)
		text = strings.Replace(text, "?", "$"+strconv.Itoa(len(w.Args)), 1)
	}
	return text
}

// String is " WHERE " and the conditions, or nothing where there are none.
func (w *Where) String() string {
	if len(w.clauses) == 0 {
		return ""
	}
	return ` WHERE ` + strings.Join(w.clauses, ` AND `)
}
