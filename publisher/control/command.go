package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Order is a command that a relay was given. [Await] tells when it is done.
type Order struct {
	Relay   uuid.UUID `json:"relay"`
	Command string    `json:"command"`  // pause, resume, stop or dump
	GivenAt time.Time `json:"given_at"` // by the database's clock
}

// One row, held for the length of the statement; the relay's heartbeat waits for it. Idle leaders get up: the NOTIFY goes with the commit.
const (
	commandSQL = `WITH told AS (
			UPDATE contrail.relay_processes SET command = $2::text, command_by = $3::text WHERE id = $1::uuid RETURNING clock_timestamp() AS at
		) SELECT at, pg_notify('contrail', '') FROM told`

	removeSQL = `WITH gone AS (
			DELETE FROM contrail.relay_processes WHERE id = $1::uuid RETURNING clock_timestamp() AS at
		) SELECT at, pg_notify('contrail', '') FROM gone`
)

// Pause tells a relay to settle what is on its way, to give up its leadership and to wait for [Resume]. by is who says so; the relay logs it. A
// relay that is paused takes commands, and stays paused until it ends: its successor in another process is not. A command that has not been taken
// yet is replaced. The error wraps [ErrNotFound].
//
// db may be a transaction, at whose commit the relay learns of it.
func Pause(ctx context.Context, db Querier, id uuid.UUID, by string) (Order, error) {
	return command(ctx, db, id, "pause", by)
}

// Resume tells a paused relay to stand by for the leadership again. It changes nothing about a stream that is paused. Else it works as [Pause] does.
func Resume(ctx context.Context, db Querier, id uuid.UUID, by string) (Order, error) {
	return command(ctx, db, id, "resume", by)
}

// Stop tells a relay to end as it does upon SIGTERM: its Run returns nil. Whatever supervises the process may start it again. Else it
// works as [Pause] does.
func Stop(ctx context.Context, db Querier, id uuid.UUID, by string) (Order, error) {
	return command(ctx, db, id, "stop", by)
}

// Dump tells a relay to write the stacks of its goroutines to its log and its row, where [Stacks] finds them. Else it works as [Pause] does.
func Dump(ctx context.Context, db Querier, id uuid.UUID, by string) (Order, error) {
	return command(ctx, db, id, "dump", by)
}

// Remove deletes a relay's row: that of one that has died, to be rid of it. One that is alive after all stops when it finds its row gone, at its
// next heartbeat. The error wraps [ErrNotFound].
func Remove(ctx context.Context, db Querier, id uuid.UUID) error {
	var at time.Time
	err := db.QueryRow(ctx, removeSQL, id.String()).Scan(&at, nil)
	return explain("remove", id, err)
}

func command(ctx context.Context, db Querier, id uuid.UUID, what, by string) (Order, error) {
	order := Order{Relay: id, Command: what}
	err := db.QueryRow(ctx, commandSQL, id.String(), what, by).Scan(&order.GivenAt, nil)
	return order, explain(what, id, err)
}

// explain says what was done to which relay.
func explain(operation string, id uuid.UUID, err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("%s relay %s: %w", operation, id, err)
	}
	return nil
}
