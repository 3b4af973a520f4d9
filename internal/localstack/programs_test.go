package localstack_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/localstack"
)

// install puts programs into a folder that print the line as their version.
func install(tb testing.TB, dir, version string) {
	tb.Helper()
	require.NoError(tb, os.MkdirAll(dir, 0o755))
	for _, name := range []string{"initdb", "postgres"} {
		script := fmt.Sprintf("#!/bin/sh\necho '%s'\n", version)
		require.NoError(tb, os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755))
	}
}

//nolint:paralleltest // a file that was just written can't be executed while another test forks: its child holds the file open
func TestFindPrograms(t *testing.T) {
	root := folder(t)
	install(t, filepath.Join(root, "9", "bin"), "postgres (PostgreSQL) 9.6.24")
	install(t, filepath.Join(root, "13", "bin"), "postgres (PostgreSQL) 13.21")
	install(t, filepath.Join(root, "14", "bin"), "postgres (PostgreSQL) 14.18 (Debian 14.18-1)")
	install(t, filepath.Join(root, "18", "bin"), "postgres (PostgreSQL) 18beta1")
	install(t, filepath.Join(root, "99", "bin"), "cockroach 99")
	install(t, filepath.Join(root, "path15"), "postgres (PostgreSQL) 15.12")
	install(t, filepath.Join(root, "path13"), "postgres (PostgreSQL) 13.21")
	require.NoError(t, os.MkdirAll(filepath.Join(root, "77", "bin"), 0o755))
	places := filepath.Join(root, "*", "bin")
	for name, test := range map[string]struct {
		path  string
		major int // wanted
		dir   string
		found int
	}{
		"the newest, by number":             {"", 0, "18/bin", 18},
		"the one that was asked for":        {"", 14, "14/bin", 14},
		"the path comes first":              {root + "/none:" + root + "/path15", 0, "path15", 15},
		"the path, but too old":             {root + "/path13", 0, "18/bin", 18},
		"the path, but another is asked":    {root + "/path15", 14, "14/bin", 14},
		"a relative path is not looked at":  {"path15", 0, "18/bin", 18},
		"the path alone has what was asked": {root + "/path15", 15, "path15", 15},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, found, err := localstack.Installed(test.path, places).Find(t.Context(), test.major)
			require.NoError(t, err)
			require.Equal(t, filepath.Join(root, test.dir), dir)
			require.Equal(t, test.found, found)
		})
	}
}

//nolint:paralleltest // see TestFindPrograms
func TestFindProgramsOfAnotherVersion(t *testing.T) {
	root := folder(t)
	install(t, root, "postgres (PostgreSQL) 16.9")
	_, _, err := localstack.Installed("", root).Find(t.Context(), 15)
	require.ErrorIs(t, err, localstack.ErrOtherVersion)
	require.ErrorContains(t, err, "made by 15")
}

func TestFindNoPrograms(t *testing.T) {
	t.Parallel()
	_, _, err := localstack.Installed("", folder(t)).Find(t.Context(), 0)
	require.ErrorIs(t, err, localstack.ErrNotInstalled)
	require.ErrorContains(t, err, "as root none can be fetched")
}

func TestFindProgramsIsCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := localstack.Installed("", folder(t)).Find(ctx, 0)
	require.ErrorIs(t, err, context.Canceled)
}
