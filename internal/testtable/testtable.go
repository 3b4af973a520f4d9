// Package testtable checks the tables in comments that say which test shows what another system's test shows: each test that is named there exists.
package testtable

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Check reads the table in front of the imports of systems_test.go, in the folder of the package under test, and wants each test that it names, by its whole
// name, in that package.
func Check(tb testing.TB) {
	tb.Helper()
	table, err := os.ReadFile("systems_test.go")
	require.NoError(tb, err)
	comment, _, _ := strings.Cut(string(table), "import (")
	named := regexp.MustCompile(`\b(?:Test|Fuzz|Example)[A-Z]\w*`).FindAllString(comment, -1)
	require.NotEmpty(tb, named)
	there := functions(tb)
	var missing []string
	for _, name := range named {
		if !there[name] {
			missing = append(missing, name)
		}
	}
	require.Empty(tb, missing)
}

// functions are the names of all that the folder's test files declare.
func functions(tb testing.TB) map[string]bool {
	tb.Helper()
	files, err := filepath.Glob("*_test.go")
	require.NoError(tb, err)
	names := map[string]bool{}
	for _, file := range files {
		source, err := os.ReadFile(file) //nolint:gosec // the package's own
		require.NoError(tb, err)
		for _, found := range regexp.MustCompile(`(?m)^func (\w+)\(`).FindAllStringSubmatch(string(source), -1) {
			names[found[1]] = true
		}
	}
	return names
}
