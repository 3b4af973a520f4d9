package localstack_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/localstack"
)

func startNATS(tb testing.TB, config localstack.NATSConfig) *localstack.NATS {
	tb.Helper()
	ns, err := localstack.StartNATS(config)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, ns.Close()) })
	return ns
}

// stored calls use with a JetStream on a connection of its own.
func stored(tb testing.TB, url string, use func(js jetstream.JetStream)) {
	tb.Helper()
	conn, err := nats.Connect(url)
	require.NoError(tb, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	require.NoError(tb, err)
	use(js)
}

func publish(tb testing.TB, url string) {
	tb.Helper()
	stored(tb, url, func(js jetstream.JetStream) {
		_, err := js.CreateStream(tb.Context(), jetstream.StreamConfig{Name: "KEPT", Subjects: []string{"kept.>"}})
		require.NoError(tb, err)
		_, err = js.Publish(tb.Context(), "kept.one", []byte("still here"))
		require.NoError(tb, err)
	})
}

func requirePublished(tb testing.TB, url string) {
	tb.Helper()
	stored(tb, url, func(js jetstream.JetStream) {
		stream, err := js.Stream(tb.Context(), "KEPT")
		require.NoError(tb, err)
		message, err := stream.GetMsg(tb.Context(), 1)
		require.NoError(tb, err)
		require.Equal(tb, "still here", string(message.Data))
	})
}

func TestNATSRestartKeepsItsStream(t *testing.T) {
	t.Parallel()
	for name, durable := range map[string]bool{"fast": false, "durable": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := startNATS(t, localstack.NATSConfig{Durable: durable})
			address := ns.URL()
			publish(t, address)
			require.NoError(t, ns.Restart(), "a running one is stopped first")
			requirePublished(t, address)
			require.NoError(t, ns.Stop())
			require.NoError(t, ns.Stop())
			_, err := nats.Connect(address)
			require.ErrorIs(t, err, nats.ErrNoServers)
			require.NoError(t, ns.Restart())
			require.Equal(t, address, ns.URL())
			requirePublished(t, address)
		})
	}
}

func TestNATSKeptFolderIsUsedAgain(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "not", "yet", "there")
	first := startNATS(t, localstack.NATSConfig{Dir: dir})
	publish(t, first.URL())
	_, err := localstack.StartNATS(localstack.NATSConfig{Dir: dir})
	require.ErrorIs(t, err, localstack.ErrInUse)
	require.NoError(t, first.Close())
	requirePublished(t, startNATS(t, localstack.NATSConfig{Dir: dir}).URL())
}

func TestNATSFolderHoldsSomethingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "thesis.txt"), nil, 0o600))
	_, err := localstack.StartNATS(localstack.NATSConfig{Dir: dir})
	require.ErrorIs(t, err, localstack.ErrNotOurs)
}

func TestNATSTemporaryFolderGoesWithClose(t *testing.T) {
	t.Parallel()
	ns := startNATS(t, localstack.NATSConfig{})
	require.DirExists(t, ns.Folder())
	require.NoError(t, ns.Close())
	require.NoError(t, ns.Close(), "a second Close does nothing")
	require.NoDirExists(t, ns.Folder())
	require.ErrorIs(t, ns.Restart(), localstack.ErrClosed)
	require.ErrorIs(t, ns.Stop(), localstack.ErrClosed)
	require.NoError(t, (*localstack.NATS)(nil).Close())
}

func TestNATSOptions(t *testing.T) {
	t.Parallel()
	ns := startNATS(t, localstack.NATSConfig{Options: func(o *server.Options) {
		o.MaxPayload, o.Port, o.Host, o.StoreDir = 2048, 4222, "0.0.0.0", "/nowhere"
	}})
	conn, err := nats.Connect(ns.URL())
	require.NoError(t, err)
	defer conn.Close()
	require.EqualValues(t, 2048, conn.MaxPayload())
	require.NoDirExists(t, "/nowhere")
}

func TestNATSFailingStartTellsWhy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"contrail-nats.lock", "jetstream"} { // a file where the server wants a folder
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	_, err := localstack.StartNATS(localstack.NATSConfig{Dir: dir})
	require.ErrorContains(t, err, "start NATS: Can't start JetStream")
	require.NoError(t, os.Remove(filepath.Join(dir, "jetstream")))
	startNATS(t, localstack.NATSConfig{Dir: dir})
}

func TestNATSLogsAtDebug(t *testing.T) {
	t.Parallel()
	var buffer lockedBuffer
	logger := slog.New(slog.NewTextHandler(&buffer, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ns := startNATS(t, localstack.NATSConfig{Logger: logger})
	require.NoError(t, ns.Close())
	require.Contains(t, buffer.String(), `level=DEBUG msg="nats server" nats_level=notice line="Starting nats-server"`)
	require.Contains(t, buffer.String(), `level=INFO msg="nats stopped"`)
}

type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
