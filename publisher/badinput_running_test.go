package publisher_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// An edit that keeps no event from being published, but breaks a promise, stops the relay as it does at the start, without a new term.
func TestRelayNoticesAnEditWhileItRuns(t *testing.T) {
	t.Parallel()
	bad := badStreams()["too old"]
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 10)
	ended := running(t, newRelay(t, pool, js, impatient()))
	awaitCaughtUp(t, pool, js)
	edit(t, js, bad.change)
	requireRefused(t, awaitEnd(t, ended), bad)
}

// An idle relay tells that its stream is gone before an event is appended.
func TestIdleRelayNoticesThatItsStreamIsGone(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 10)
	ended := running(t, newRelay(t, pool, js, impatient()))
	awaitCaughtUp(t, pool, js)
	require.NoError(t, js.DeleteStream(t.Context(), "EVENTS"))
	requireLost(t, awaitEnd(t, ended), "is gone (it had 10)")
}

// A restore that leaves the relay's connection alone (pg_restore --clean into the same database) sets the sequence back under it: positions that the
// relay has passed are given to new events: it must not go on.
func TestRelayNoticesThatItsStoreIsSetBackUnderIt(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 40)
	ended := running(t, newRelay(t, pool, js, impatient()))
	awaitCaughtUp(t, pool, js)
	require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error { return tx.SendBatch(t.Context(), setBackTo(20, 50)).Close() }))
	requireAhead(t, awaitEnd(t, ended))
}

// An account that has used up its quota gets the same code (400) as a message that is at fault: no event is parked for that.
func TestRelayWaitsForRoomInTheAccount(t *testing.T) {
	t.Parallel()
	waitsForRoom(t, `accounts { APP { jetstream { max_file: 20K }, users [{ user: app, password: app }] } }, no_auth_user: app`)
}
