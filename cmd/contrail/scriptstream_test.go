package main

import (
	"context"
	"encoding/json"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rogpeppe/go-internal/testscript"
)

// changeStream makes, edits or deletes the stream EVENTS as an administrator does: stream new JSON, stream edit JSON, stream delete. The JSON is what differs
// from a stream that a relay makes, or from what the stream is.
func changeStream(ts *testscript.TestScript, _ bool, args []string) {
	ctx := context.Background()
	withJetStream(ts, func(js jetstream.JetStream) error {
		switch args[0] {
		case "new":
			cfg := jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.>"}, DenyDelete: true, DenyPurge: true}
			ts.Check(json.Unmarshal([]byte(args[1]), &cfg))
			_, err := js.CreateStream(ctx, cfg)
			return err
		case "edit":
			stream, err := js.Stream(ctx, "EVENTS")
			if err != nil {
				return err
			}
			cfg := stream.CachedInfo().Config
			ts.Check(json.Unmarshal([]byte(args[1]), &cfg))
			_, err = js.UpdateStream(ctx, cfg)
			return err
		case "delete":
			return js.DeleteStream(ctx, "EVENTS")
		}
		ts.Fatalf("no such change: %s", args[0])
		return nil
	})
}
