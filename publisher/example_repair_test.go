package publisher_test

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/publisher"
)

func ExampleRepair() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	pool, js, closeAll := exampleStack(ctx)
	defer closeAll()
	loseFromStream(ctx, pool, js, 2) // of three events

	found, err := publisher.Repair(ctx, pool, js, publisher.VerifyConfig{})
	must(err)
	fmt.Printf("missing: %v, asked for: %d\n", found.Missing, found.Asked)

	// A relay publishes what was asked for, as soon as one runs.
	relay, err := publisher.NewRelay(pool, js, publisher.Config{})
	must(err)
	ended := make(chan error, 1)
	go func() { ended <- relay.Run(ctx) }()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for left := int64(1); left > 0; <-look.C {
		left, err = publisher.Requeued(ctx, pool, "EVENTS")
		must(err)
	}
	report, err := publisher.Verify(ctx, pool, js, publisher.VerifyConfig{})
	must(err)
	fmt.Printf("ok: %t, resent: %d\n", report.OK, report.Resent)
	cancel()
	must(<-ended)
	// Output:
	// missing: [2], asked for: 1
	// ok: true, resent: 1
}

// loseFromStream makes a stream that a relay has filled with three events, and that has lost one of its messages since.
func loseFromStream(ctx context.Context, pool *pgxpool.Pool, js jetstream.JetStream, lost uint64) {
	_, err := pool.Exec(ctx, `INSERT INTO contrail.events (stream, version, type, data)
		SELECT 'invoice-42', version, 'InvoiceChanged', '{}' FROM generate_series(1, 3) version`)
	must(err)
	cfg := jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.>"}, DenyPurge: true}
	stream, err := js.CreateStream(ctx, cfg)
	must(err)
	var store uuid.UUID
	must(pool.QueryRow(ctx, `SELECT id FROM contrail.store`).Scan(&store))
	events, err := eventstore.At(ctx, pool, 1, 2, 3)
	must(err)
	for _, event := range events {
		_, err := js.Publish(ctx, wire.Subject("events", event), wire.Append(nil, wire.Source("", store), event))
		must(err)
	}
	must(stream.DeleteMsg(ctx, lost))
	cfg.DenyDelete = true
	_, err = js.UpdateStream(ctx, cfg)
	must(err)
	_, err = pool.Exec(ctx, `INSERT INTO contrail.relays (stream, position, sequence) VALUES ('EVENTS', 3, 3)`)
	must(err)
}
