package deploy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"text/scanner"

	"github.com/stretchr/testify/require"
)

// query is what a PromQL expression asks for, as far as it can be known without evaluating it.
type query struct {
	metrics  []selection
	grouping []string // labels that by, without, on, ignoring, group_left and group_right name
}

// selection is a metric with its matchers.
type selection struct {
	name     string
	matchers map[string]string // label → what it is compared with, unquoted
}

// parseQuery finds the names and labels of an expression. It is no parser: an expression with balanced brackets and closed strings passes, though Prometheus may refuse it.
func parseQuery(expr string) (query, error) {
	words, err := tokenize(expr)
	if err != nil {
		return query{}, fmt.Errorf("%s: %w", expr, err)
	}
	var found query
	for i := 0; i < len(words); i++ {
		word, next := words[i], ""
		if i+1 < len(words) {
			next = words[i+1]
		}
		switch {
		case !isName(word):
		case slices.Contains([]string{"by", "without", "on", "ignoring", "group_left", "group_right"}, word):
			if next == "(" {
				var labels []string
				labels, i = names(words, i+2)
				found.grouping = append(found.grouping, labels...)
			}
		case slices.Contains([]string{"(", "by", "without"}, next): // a function
		case slices.Contains([]string{"and", "or", "unless", "bool", "offset"}, word):
		default:
			one := selection{name: word, matchers: map[string]string{}}
			if next == "{" {
				i = one.match(words, i+2)
			}
			found.metrics = append(found.metrics, one)
		}
	}
	if len(found.metrics) == 0 {
		return query{}, fmt.Errorf("%s: it names no metric", expr)
	}
	return found, nil
}

// match reads matchers up to the closing brace, whose place it returns.
func (s *selection) match(words []string, i int) int {
	label := ""
	for ; words[i] != "}"; i++ {
		switch {
		case isName(words[i]):
			label = words[i]
		case words[i][0] == '"':
			s.matchers[label] = strings.Trim(words[i], `"`)
		}
	}
	return i
}

// names reads a list up to its closing bracket, whose place it returns.
func names(words []string, i int) (found []string, end int) {
	for ; words[i] != ")"; i++ {
		if isName(words[i]) {
			found = append(found, words[i])
		}
	}
	return found, i
}

// tokenize cuts into names, numbers, strings and signs. Durations, as in [5m], are left out.
func tokenize(expr string) (words []string, err error) {
	var scan scanner.Scanner
	scan.Init(strings.NewReader(expr))
	scan.Mode = scanner.ScanIdents | scanner.ScanFloats | scanner.ScanStrings
	scan.Error = func(_ *scanner.Scanner, problem string) { err = fmt.Errorf("at %s: %s", scan.Position, problem) }
	var open []rune
	numberEnd := -1
	for token := scan.Scan(); token != scanner.EOF && err == nil; token = scan.Scan() {
		switch token {
		case scanner.Int, scanner.Float:
			numberEnd = scan.Pos().Offset
		case scanner.Ident:
			if scan.Offset == numberEnd { // a unit, as in 5m
				continue
			}
		case '(', '{', '[':
			open = append(open, token)
		case ')', '}', ']':
			if len(open) == 0 || open[len(open)-1] != map[rune]rune{')': '(', '}': '{', ']': '['}[token] {
				return nil, fmt.Errorf("at %s: %c closes nothing", scan.Position, token)
			}
			open = open[:len(open)-1]
		}
		if (len(open) == 0 || open[len(open)-1] != '[') && token != ']' {
			words = append(words, scan.TokenText())
		}
	}
	if err == nil && len(open) > 0 {
		err = fmt.Errorf("%c is not closed", open[len(open)-1])
	}
	return words, err
}

func isName(word string) bool {
	return word != "" && (word[0] == '_' || word[0] >= 'a' && word[0] <= 'z' || word[0] >= 'A' && word[0] <= 'Z')
}

func TestParseQuery(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]query{
		`up`: {metrics: []selection{{"up", map[string]string{}}}},
		`sum by (stream, le) (rate(x_bucket{a="b", c=~"d|e",f!="}"}[5m])) > 0.1`: {
			metrics: []selection{{"x_bucket", map[string]string{"a": "b", "c": "d|e", "f": "}"}}}, grouping: []string{"stream", "le"},
		},
		`max(x) unless on (stream) max by (stream) (y offset 5m) == 1`: {
			metrics: []selection{{"x", map[string]string{}}, {"y", map[string]string{}}}, grouping: []string{"stream", "stream"},
		},
		`time() - start{job="contrail"} > bool 3 and z[1h:5m]`: {metrics: []selection{{"start", map[string]string{"job": "contrail"}}, {"z", map[string]string{}}}},
	} {
		got, err := parseQuery(expr)
		require.NoError(t, err)
		require.Equal(t, want, got, expr)
	}
	for _, broken := range []string{`rate(x[5m]`, `x{a="b}`, `sum)x(`, `1 + 2`, ``, `x{a="b")`} {
		_, err := parseQuery(broken)
		require.Error(t, err, broken)
	}
}
