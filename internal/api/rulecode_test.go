package api_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every rule that the domain declares has a code.
func TestEveryRuleHasACode(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("rulecode.go")
	require.NoError(t, err)
	rules := 0
	require.NoError(t, filepath.WalkDir("../../domain", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, "rule.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, name := range declaredErrors(file) {
			if name == "domain.ErrNotFound" { // a kind
				continue
			}
			rules++
			require.Contains(t, string(text), "{"+name+",", "a rule without a code in rulecode.go")
		}
		return nil
	}))
	require.Greater(t, rules, 20)
}

// declaredErrors lists the package's exported error values, as in rule.ErrBlank.
func declaredErrors(file *ast.File) (names []string) {
	for _, declaration := range file.Decls {
		general, is := declaration.(*ast.GenDecl)
		if !is || general.Tok != token.VAR {
			continue
		}
		for _, spec := range general.Specs {
			values, is := spec.(*ast.ValueSpec)
			if is && strings.HasPrefix(values.Names[0].Name, "Err") {
				names = append(names, file.Name.Name+"."+values.Names[0].Name)
			}
		}
	}
	return names
}
