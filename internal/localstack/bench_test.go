package localstack_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/localstack"
)

// What the tests wait for: initdb, a start, the database.
func BenchmarkPostgresTemporary(b *testing.B) {
	for b.Loop() {
		pg, err := localstack.StartPostgres(b.Context(), localstack.PostgresConfig{})
		require.NoError(b, err)
		b.StopTimer()
		require.NoError(b, pg.Close())
		b.StartTimer()
	}
}

// What the first `contrail demo` with a folder waits for: as above, but synced to the disk.
func BenchmarkPostgresKeptFirst(b *testing.B) {
	for b.Loop() {
		pg, err := localstack.StartPostgres(b.Context(), localstack.PostgresConfig{Dir: folder(b)})
		require.NoError(b, err)
		b.StopTimer()
		require.NoError(b, pg.Close())
		b.StartTimer()
	}
}

// What the next one waits for.
func BenchmarkPostgresKeptAgain(b *testing.B) {
	dir := folder(b)
	for b.Loop() {
		pg, err := localstack.StartPostgres(b.Context(), localstack.PostgresConfig{Dir: dir})
		require.NoError(b, err)
		b.StopTimer()
		require.NoError(b, pg.Close())
		b.StartTimer()
	}
}

func BenchmarkPostgresClose(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		pg, err := localstack.StartPostgres(b.Context(), localstack.PostgresConfig{})
		require.NoError(b, err)
		b.StartTimer()
		require.NoError(b, pg.Close())
	}
}

func BenchmarkNATS(b *testing.B) {
	for b.Loop() {
		ns, err := localstack.StartNATS(localstack.NATSConfig{})
		require.NoError(b, err)
		b.StopTimer()
		require.NoError(b, ns.Close())
		b.StartTimer()
	}
}
