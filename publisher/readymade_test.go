package publisher_test

import (
	"context"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/publisher"
)

// publishReadyMade publishes n messages as the relay's are, fence and all, which are ready before it begins: no database, no Watermill,
// nothing but the client. It runs in the process that a benchmark starts.
func publishReadyMade(ctx context.Context, js jetstream.JetStream, n int) error {
	const ring = 10_000 // payloads are used again, so that a million of them fit into memory
	payloads := make([][]byte, ring)
	subjects := make([]string, ring)
	source := wire.Source("", uuid.New())
	for i := range payloads {
		event := contrail.Recorded{
			Position: contrail.Position(i + 1), ID: uuid.New(), Stream: contrail.NewStreamID("bench", strconv.Itoa(i%1000)), Version: int64(i/1000 + 1),
			Type: "Filled", Data: json.RawMessage(`{"text": "` + strings.Repeat("x", eventBytes-len(`{"text": ""}`)) + `"}`), RecordedAt: time.Now(),
		}
		payloads[i], subjects[i] = wire.Append(nil, source, event), wire.Subject("events", event)
	}
	ids := make([]string, n)
	for i := range ids {
		ids[i] = uuid.NewString()
	}
	if _, err := js.Conn().Request("bench.ready", nil, time.Minute); err != nil {
		return err
	}
	options := []jetstream.PublishOpt{jetstream.WithRetryAttempts(0), jetstream.WithStallWait(time.Minute)}
	content := []string{wire.ContentType}
	for i := range n {
		msg := &nats.Msg{
			Subject: subjects[i%ring], Data: payloads[i%ring],
			Header: nats.Header{
				wire.HeaderMsgID: {ids[i]}, wire.HeaderFence: {strconv.Itoa(i)}, wire.HeaderContentType: content,
			},
		}
		if _, err := js.PublishMsgAsync(msg, options...); err != nil {
			return err
		}
	}
	select {
	case <-js.PublishAsyncComplete():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// benchReadyMade measures what the client reaches with nothing before it, in a process of its own.
func benchReadyMade(b *testing.B, n int) {
	b.Helper()
	pool, js, server := benchStack(b)
	_, err := js.CreateStream(b.Context(), publisher.StreamConfig(publisher.Config{}))
	require.NoError(b, err)
	ready, err := js.Conn().SubscribeSync("bench.ready")
	require.NoError(b, err)
	require.NoError(b, js.Conn().Flush())
	process := relayProcess(pool, server.URL(), "default", 0)
	process.Env = append(process.Env, "CONTRAIL_TEST_READY_MADE="+strconv.Itoa(n))
	process.Stderr = os.Stderr
	startRelay(b, process)
	asked, err := ready.NextMsg(time.Minute)
	require.NoError(b, err)
	began := time.Now()
	require.NoError(b, asked.Respond(nil))
	awaitSequence(b, js, "EVENTS", uint64(n))
	b.ReportMetric(float64(n)/time.Since(began).Seconds(), "events/s")
}
