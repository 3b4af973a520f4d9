package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// certificate writes one for 127.0.0.1, and returns where it and its key are, and who trusts it.
func certificate(t *testing.T) (cert, key string, trusted *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), 0o600))
	trusted = x509.NewCertPool()
	parsed, err := x509.ParseCertificate(signed)
	require.NoError(t, err)
	trusted.AddCert(parsed)
	return cert, key, trusted
}

// It is served over HTTPS to who has the token, and ends in order although somebody watches a live page.
func TestDashboardEndsWhileSomebodyWatches(t *testing.T) {
	t.Parallel()
	const token = "token-of-the-test"
	cert, key, trusted := certificate(t)
	board := command(t, []string{"DATABASE_URL=" + pgtest.NewURL(t), "NATS_URL=" + natstest.Start(t).URL(), "CONTRAIL_DASHBOARD_TOKEN=" + token},
		"dashboard", "--listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
	stdout, err := board.StdoutPipe()
	require.NoError(t, err)
	var stderr strings.Builder
	board.Stderr = &stderr
	require.NoError(t, board.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	address, found := strings.CutPrefix(strings.TrimSpace(line), "dashboard on ")
	require.True(t, found, line)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	ask := func(path string) *http.Response {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+path, nil)
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := client.Do(request)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, response.StatusCode)
		return response
	}
	page := ask("/")
	text, err := io.ReadAll(page.Body)
	require.NoError(t, err)
	require.NoError(t, page.Body.Close())
	require.Contains(t, string(text), "<h1>")
	require.Equal(t, 2, page.ProtoMajor, "so that live pages do not use up a browser's connections")
	live := ask("/?live=1")
	defer func() { _ = live.Body.Close() }()
	first, err := bufio.NewReader(live.Body).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "retry: 3000\n", first)
	require.NoError(t, board.Process.Signal(syscall.SIGTERM))
	_, _ = io.Copy(io.Discard, live.Body) // it ends
	_, _ = io.Copy(io.Discard, stdout)
	require.NoError(t, board.Wait(), stderr.String())
	require.NotContains(t, stderr.String(), "cut off")
}
