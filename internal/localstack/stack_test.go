package localstack_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/localstack"
)

func TestStackStartsBothAndKeepsTheirData(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	stack, err := localstack.Start(t.Context(), localstack.Config{DataDir: dir})
	require.NoError(t, err)
	execute(t, stack.DatabaseURL(), "CREATE TABLE kept AS SELECT 42 AS answer")
	publish(t, stack.NATSURL())
	require.NoError(t, stack.Close())
	require.NoError(t, stack.Close(), "a second Close does nothing")

	stack, err = localstack.Start(t.Context(), localstack.Config{DataDir: dir})
	require.NoError(t, err)
	require.Equal(t, 42, query[int](t, stack.DatabaseURL(), "SELECT answer FROM kept"))
	requirePublished(t, stack.NATSURL())
	require.NoError(t, stack.Close())
	require.NoError(t, (*localstack.Stack)(nil).Close())
}

func TestStackUsesWhatIsGiven(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "untouched")
	config := localstack.Config{DataDir: dir, DatabaseURL: "postgres://given", NATSURL: "nats://given"}
	stack, err := localstack.Start(t.Context(), config)
	require.NoError(t, err)
	require.Equal(t, "postgres://given", stack.DatabaseURL())
	require.Equal(t, "nats://given", stack.NATSURL())
	require.NoError(t, stack.Close())
	require.NoDirExists(t, dir)
}

func TestStackClosesNATSWhenPostgresFails(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	stack, err := localstack.StartFrom(t.Context(), localstack.Config{DataDir: dir}, localstack.Installed(""))
	require.ErrorIs(t, err, localstack.ErrNotInstalled)
	require.Nil(t, stack)
	startNATS(t, localstack.NATSConfig{Dir: filepath.Join(dir, "nats")}) // its folder is free
}

func TestStackClosesPostgresWhenNATSFails(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "nats", "not ours"), 0o755))
	_, err := localstack.Start(t.Context(), localstack.Config{DataDir: dir})
	require.ErrorIs(t, err, localstack.ErrNotOurs)
	startPostgres(t, localstack.PostgresConfig{Dir: filepath.Join(dir, "postgres")}) // its folder is free
}

func TestStackIsCancelled(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, config := range []localstack.Config{{DataDir: dir}, {DataDir: dir, DatabaseURL: "postgres://given"}} {
		_, err := localstack.Start(ctx, config)
		require.ErrorIs(t, err, context.Canceled)
		startNATS(t, localstack.NATSConfig{Dir: filepath.Join(dir, "nats")}).Close() //nolint:errcheck // closed again by the cleanup
	}
}
