package control_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/publisher/control"
)

const patience = 30 * time.Second

// register writes the row of a relay that does nothing.
func register(tb testing.TB, pool *pgxpool.Pool, stream, identity string, state control.State) uuid.UUID {
	tb.Helper()
	id := uuid.New()
	_, err := pool.Exec(tb.Context(), `INSERT INTO contrail.relay_processes (id, relay, identity, host, pid, state)
		VALUES ($1, $2, $3, 'host', 42, $4)`, id, stream, identity, state)
	require.NoError(tb, err)
	return id
}

func set(tb testing.TB, pool *pgxpool.Pool, id uuid.UUID, change string) {
	tb.Helper()
	_, err := pool.Exec(tb.Context(), `UPDATE contrail.relay_processes SET `+change+` WHERE id = $1`, id)
	require.NoError(tb, err)
}

// lead takes the leadership of a stream for an identity, on a session of its own, until the test ends.
func lead(tb testing.TB, pool *pgxpool.Pool, stream, identity string) {
	tb.Helper()
	conn, err := pool.Acquire(tb.Context())
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = conn.Hijack().Close(context.Background()) })
	_, err = conn.Exec(tb.Context(), `SELECT contrail.lead($1)`, stream)
	require.NoError(tb, err)
	_, err = conn.Exec(tb.Context(), `INSERT INTO contrail.relays (stream, leader) VALUES ($1, $2)
		ON CONFLICT (stream) DO UPDATE SET leader = excluded.leader`, stream, identity)
	require.NoError(tb, err)
}

// listening returns a channel that is told of each notification.
func listening(tb testing.TB, pool *pgxpool.Pool) <-chan struct{} {
	tb.Helper()
	conn, err := pool.Acquire(tb.Context())
	require.NoError(tb, err)
	_, err = conn.Exec(tb.Context(), `LISTEN contrail`)
	require.NoError(tb, err)
	woken, ended := make(chan struct{}, 100), make(chan struct{})
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	go func() {
		defer close(ended)
		for {
			if _, err := conn.Conn().WaitForNotification(ctx); err != nil {
				return
			}
			woken <- struct{}{}
		}
	}()
	tb.Cleanup(func() { cancel(); <-ended; _ = conn.Hijack().Close(context.Background()) })
	return woken
}

// briefly is a context for what will not come.
func briefly(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 300*time.Millisecond)
	tb.Cleanup(cancel)
	return ctx
}

// requirePending checks that nobody waits any longer, and what for.
func requirePending(tb testing.TB, err error, what string) {
	tb.Helper()
	pending, ok := errors.AsType[*control.PendingError](err)
	require.True(tb, ok, "%v", err)
	require.Equal(tb, what, pending.Error())
	require.ErrorIs(tb, err, context.DeadlineExceeded)
}
