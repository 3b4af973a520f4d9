package plain_test

import (
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The consumer shows what a program needs that has nothing of Contrail: it imports the standard library and nats.go.
func TestConsumerImportsNothingOfContrail(t *testing.T) {
	t.Parallel()
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	var read int
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") || strings.HasSuffix(file.Name(), "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file.Name(), nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range parsed.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			host, _, _ := strings.Cut(path, "/")
			standard := !strings.Contains(host, ".")
			require.True(t, standard || path == "github.com/nats-io/nats.go" || strings.HasPrefix(path, "github.com/nats-io/nats.go/"),
				"%s imports %s", file.Name(), path)
		}
		read++
	}
	require.Positive(t, read)
}
