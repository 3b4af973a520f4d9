package jsonl_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore/jsonl"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// committing is a pool that does something at the end of each transaction.
type committing struct {
	*pgxpool.Pool

	commit func(ctx context.Context, tx pgx.Tx) error
}

func (c committing) BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error) {
	tx, err := c.Pool.BeginTx(ctx, options)
	return committed{tx, c.commit}, err
}

type committed struct {
	pgx.Tx

	commit func(ctx context.Context, tx pgx.Tx) error
}

func (c committed) Commit(ctx context.Context) error { return c.commit(ctx, c.Tx) }

// A ctx that ends when the commit has begun comes too late: the import says what is in the store.
func TestImportThatIsInterruptedWhileItCommits(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	db := committing{pool, func(ctx context.Context, tx pgx.Tx) error { cancel(); return tx.Commit(ctx) }}
	result, err := jsonl.Import(ctx, db, strings.NewReader(counted(30)), jsonl.Config{})
	require.NoError(t, err)
	require.EqualValues(t, 30, result.Events)
	requireCounted(t, pool, 30)
}

// Where the connection is lost on the way back from the commit, the import does not pretend to know; resumed, it finds out.
func TestImportWhoseCommitIsInDoubt(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]jsonl.Config{"at once": {}, "resumed": {Resume: true, Name: "x", Batch: 10}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := pgtest.NewURL(t)
			pool, err := pgxpool.New(t.Context(), url)
			require.NoError(t, err)
			t.Cleanup(pool.Close)
			cut, err := pgx.ParseConfig(url)
			require.NoError(t, err)
			cut.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
				return &cutAtCommit{Conn: conn}, err
			}
			conn, err := pgx.ConnectConfig(t.Context(), cut)
			require.NoError(t, err)
			_, err = jsonl.Import(t.Context(), conn, strings.NewReader(counted(30)), config)
			require.ErrorIs(t, err, jsonl.ErrInDoubt)
			if config.Resume {
				result, err := importText(t, pool, counted(30), config)
				require.NoError(t, err)
				require.EqualValues(t, 10, result.Skipped)
			}
			requireCounted(t, pool, 30)
		})
	}
}

// cutAtCommit is a connection that is lost when the server has answered a commit.
type cutAtCommit struct {
	net.Conn

	committing atomic.Bool
}

func (c *cutAtCommit) Write(text []byte) (int, error) {
	c.committing.Store(bytes.Contains(text, []byte("commit\x00")))
	return c.Conn.Write(text)
}

func (c *cutAtCommit) Read(to []byte) (int, error) {
	n, err := c.Conn.Read(to)
	if c.committing.Load() {
		return 0, io.EOF
	}
	return n, err
}
