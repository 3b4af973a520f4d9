package main

import "iter"

// listing is how things are printed of which there may be more than are meant to be shown.
type listing[T any] struct {
	title []string
	row   func(T) []string
	right []int // columns of numbers

	none   string              // what to say where there are none
	more   func(last T) string // what shows the ones behind the last one
	limit  int64               // how many are shown, at most; 0: all
	asJSON bool
}

// oneMore is how many to ask for, in order to know whether there are more than are shown.
func oneMore(limit int64, asJSON bool) int64 {
	if limit > 0 && !asJSON {
		return limit + 1
	}
	return limit
}

// print prints what is listed: of that there is [oneMore], if there are more.
func (l listing[T]) print(a *app, found iter.Seq2[T, error]) error {
	titled, rows, n := a.newTable(l.title, l.right...), [][]string(nil), int64(0)
	var last T
	for one, err := range found {
		switch {
		case err != nil:
			return err
		case l.asJSON:
			if err := a.printJSON(one); err != nil {
				return err
			}
			continue
		case l.limit > 0 && n == l.limit:
			a.printf("%s", titled.text(rows))
			a.note("there are more; %s\n", l.more(last))
			return nil
		}
		n, last = n+1, one
		if rows = append(rows, l.row(one)); len(rows) == tableStep {
			a.printf("%s", titled.text(rows))
			rows = rows[:0]
		}
	}
	switch {
	case l.asJSON:
	case n == 0:
		a.printf("%s\n", l.none)
	default:
		a.printf("%s", titled.text(rows))
	}
	return nil
}
