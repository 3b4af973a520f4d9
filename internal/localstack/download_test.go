package localstack_test

import (
	"archive/zip"
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/localstack"
)

// archive is the jar that Maven serves, with small scripts for programs.
func archive(tb testing.TB) []byte {
	tb.Helper()
	programs, err := os.ReadFile("testdata/programs.txz")
	require.NoError(tb, err)
	var jar bytes.Buffer
	writer := zip.NewWriter(&jar)
	entry, err := writer.Create("postgres-linux-x86_64.txz")
	require.NoError(tb, err)
	_, err = entry.Write(programs)
	require.NoError(tb, err)
	require.NoError(tb, writer.Close())
	return jar.Bytes()
}

//nolint:paralleltest // see TestFindPrograms
func TestDownloadOnceAndKeep(t *testing.T) {
	jar, cache := archive(t), filepath.Join(folder(t), "contrail")
	var fetched atomic.Int32
	maven := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, ".jar") {
			http.NotFound(w, r)
			return
		}
		fetched.Add(1)
		_, _ = w.Write(jar)
	}))
	t.Cleanup(maven.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections) // the library uses that client
	for range 2 {
		dir, major, err := localstack.NothingInstalled(maven.URL, cache, false).Find(t.Context(), 0)
		require.NoError(t, err)
		require.Equal(t, 17, major)
		require.FileExists(t, filepath.Join(dir, "initdb"))
	}
	require.EqualValues(t, 1, fetched.Load())
	entries, err := os.ReadDir(cache)
	require.NoError(t, err)
	require.Len(t, entries, 1, "neither the archive nor a half of anything is left")
}

func TestDownloadRefused(t *testing.T) {
	t.Parallel()
	port, err := localstack.FreePort()
	require.NoError(t, err)
	repository := "http://127.0.0.1:" + strconv.Itoa(port)
	_, err = localstack.StartPostgresFrom(t.Context(), localstack.PostgresConfig{},
		localstack.NothingInstalled(repository, folder(t), false))
	require.ErrorIs(t, err, localstack.ErrNotInstalled)
	for _, part := range []string{"unable to connect to " + repository, "apt install", "dnf install", "brew install", "DATABASE_URL"} {
		require.ErrorContains(t, err, part)
	}
	require.NotContains(t, err.Error(), "\n")
}

func TestDownloadImpossible(t *testing.T) {
	t.Parallel()
	_, _, err := localstack.NothingInstalled("http://127.0.0.1:1", "", false).Find(t.Context(), 0)
	require.ErrorContains(t, err, "no cache folder")
	_, _, err = localstack.NothingInstalled("http://127.0.0.1:1", folder(t), true).Find(t.Context(), 0)
	require.ErrorContains(t, err, "does not run as root")
}
