package eventstore_test

import (
	"bytes"
	"os/exec"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// A database that was dumped and restored into a new one is what its migrations made, and goes on where it was.
func TestValidateAfterDumpAndRestore(t *testing.T) {
	t.Parallel()
	pool := granted(t)
	for name, options := range map[string][]string{
		"all": nil, "without owners and rights": {"--no-owner", "--no-privileges"}, "the schema alone": {"--schema=contrail"}, "as inserts": {"--inserts"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			restored := pgtest.Empty(t)
			dump := run(t, nil, "pg_dump", append(options, "--dbname="+pool.Config().ConnString())...)
			run(t, dump, "psql", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname="+restored)
			theirs, err := pgxpool.New(t.Context(), restored)
			require.NoError(t, err)
			t.Cleanup(theirs.Close)
			differences, err := eventstore.Validate(t.Context(), theirs)
			require.NoError(t, err)
			require.Empty(t, differences)
			recorded, err := appendNow(t.Context(), theirs, invoice42, eventstore.Exactly(1), happened("B"))
			require.NoError(t, err)
			require.EqualValues(t, 2, recorded[0].Position)
		})
	}
}

// run runs one of PostgreSQL's clients and returns what it writes. Without them, or with older ones than the server's, the test is skipped.
func run(t *testing.T, input []byte, client string, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath(client)
	if err != nil {
		t.Skip(err)
	}
	var output, complaint bytes.Buffer
	command := exec.CommandContext(t.Context(), path, args...)
	command.Stdin, command.Stdout, command.Stderr = bytes.NewReader(input), &output, &complaint
	err = command.Run()
	if bytes.Contains(complaint.Bytes(), []byte("server version mismatch")) {
		t.Skip(complaint.String())
	}
	require.NoError(t, err, complaint.String())
	return output.Bytes()
}
