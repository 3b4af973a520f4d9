package main

import (
	"context"
	"strconv"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/wire"
)

// damage fills the stream as a relay does, but for the events at the given positions, which look as if an administrator had deleted them.
func damage(ts *testscript.TestScript, _ bool, args []string) {
	withPool(ts, func(pool *pgxpool.Pool) error {
		withJetStream(ts, func(js jetstream.JetStream) error {
			cfg := jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.>"}, DenyPurge: true}
			stream, err := js.CreateStream(context.Background(), cfg)
			ts.Check(err)
			last := publishAll(ts, pool, js)
			for _, arg := range args {
				sequence, err := strconv.ParseUint(arg, 10, 64)
				ts.Check(err)
				ts.Check(stream.DeleteMsg(context.Background(), sequence))
			}
			cfg.DenyDelete = true
			_, err = js.UpdateStream(context.Background(), cfg)
			ts.Check(err)
			_, err = pool.Exec(context.Background(), `INSERT INTO contrail.relays (stream, position, sequence) VALUES ('EVENTS', $1, $1)`, int64(last))
			return err
		})
		return nil
	})
}

func publishAll(ts *testscript.TestScript, pool *pgxpool.Pool, js jetstream.JetStream) (last contrail.Position) {
	var store uuid.UUID
	ts.Check(pool.QueryRow(context.Background(), `SELECT id FROM contrail.store`).Scan(&store))
	reader, err := eventstore.New(eventstore.Config{})
	ts.Check(err)
	for event, err := range reader.Read(context.Background(), pool, eventstore.Query{}) {
		ts.Check(err)
		_, err = js.Publish(context.Background(), wire.Subject("events", event), wire.Append(nil, wire.Source("", store), event))
		ts.Check(err)
		last = event.Position
	}
	return last
}
