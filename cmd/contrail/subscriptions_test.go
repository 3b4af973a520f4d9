package main

import (
	"context"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// changeConsumer does what has to do with the consumers of the stream EVENTS: consumer settle NAME SEQUENCE waits until a subscription has nothing to
// do and is settled to a message; consumer make NAME makes a durable consumer, as somebody else does; consumer age N takes the messages up to
// that one out of the stream, as age does.
func changeConsumer(ts *testscript.TestScript, _ bool, args []string) {
	ctx := context.Background()
	withJetStream(ts, func(js jetstream.JetStream) error {
		switch args[0] {
		case "settle":
			require.Eventually(tbOf(ts), func() bool {
				got, err := subscriptions.Get(ctx, js, subscriptions.Name{Durable: args[1]})
				return err == nil && got.Lag == 0 && got.Requeued == 0 && got.PausedUntil == nil && got.AckFloor.Sequence == number(ts, args[2])
			}, 30*time.Second, 10*time.Millisecond, args)
			return nil
		case "make":
			_, err := js.CreateConsumer(ctx, "EVENTS", jetstream.ConsumerConfig{Durable: args[1], AckPolicy: jetstream.AckExplicitPolicy})
			return err
		case "age":
			stream, err := js.Stream(ctx, "EVENTS")
			if err != nil {
				return err
			}
			config := stream.CachedInfo().Config
			config.MaxMsgs = int64(stream.CachedInfo().State.LastSeq - number(ts, args[1]))
			_, err = js.UpdateStream(ctx, config)
			return err
		}
		ts.Fatalf("no such change: %s", args[0])
		return nil
	})
}

func number(ts *testscript.TestScript, text string) uint64 {
	n, err := strconv.ParseUint(text, 10, 64)
	ts.Check(err)
	return n
}
