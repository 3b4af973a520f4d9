package domaintest

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Declared lists the errors that are exported by the source files of some patterns: by name those that are made of a text, with it, and
// those that are types named …Error, without.
func Declared(tb testing.TB, patterns ...string) map[string]string {
	tb.Helper()
	declared := map[string]string{}
	for _, pattern := range patterns {
		paths, err := filepath.Glob(pattern)
		require.NoError(tb, err)
		require.NotEmpty(tb, paths, pattern)
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			require.NoError(tb, err)
			ast.Inspect(file, func(node ast.Node) bool {
				collect(declared, node)
				return true
			})
		}
	}
	return declared
}

// collect takes ErrX = f("text") and type XError.
func collect(declared map[string]string, node ast.Node) {
	switch node := node.(type) {
	case *ast.TypeSpec:
		if node.Name.IsExported() && strings.HasSuffix(node.Name.Name, "Error") {
			declared[node.Name.Name] = ""
		}
	case *ast.ValueSpec:
		for i, name := range node.Names {
			if text, ok := textOf(node, i); ok && strings.HasPrefix(name.Name, "Err") {
				declared[name.Name] = text
			}
		}
	}
}

func textOf(spec *ast.ValueSpec, i int) (string, bool) {
	if i >= len(spec.Values) {
		return "", false
	}
	call, ok := spec.Values[i].(*ast.CallExpr)
	if !ok || len(call.Args) != 1 {
		return "", false
	}
	literal, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		return "", false
	}
	text, err := strconv.Unquote(literal.Value)
	return text, err == nil
}

// RequireEvery fails unless each declared error is among those that are known to come back, and each text says after a colon or a semicolon
// what to do.
func RequireEvery(tb testing.TB, known []error, declared map[string]string) {
	tb.Helper()
	found := map[string]bool{}
	for _, err := range known {
		found[err.Error()] = true
		found[reflect.Indirect(reflect.ValueOf(err)).Type().Name()] = true
	}
	for name, text := range declared {
		require.True(tb, found[name] || text != "" && found[text], "nothing shows when %s comes back", name)
		require.True(tb, text == "" || strings.ContainsAny(text, ":;"), "%s has no hint: %s", name, text)
	}
}

// breaks tells whether err is the rule, or wraps it. A rule that is a struct with data is the same when its exported fields are.
func breaks(err, want error) bool {
	if errors.Is(err, want) {
		return true
	}
	found := reflect.New(reflect.TypeOf(want))
	return errors.As(err, found.Interface()) && sameFields(found.Elem(), reflect.ValueOf(want))
}

func sameFields(a, b reflect.Value) bool {
	a, b = reflect.Indirect(a), reflect.Indirect(b)
	fields := 0
	for i := range a.NumField() {
		if !a.Type().Field(i).IsExported() {
			continue
		}
		if fields++; !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			return false
		}
	}
	return fields > 0
}
