package webhook_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/webhook"
)

// What these endpoints do would go on for ever, or without bounds; a request ends after its timeout, which is far below this.
const soonEnough = 20 * time.Second

// bounded posts and wants an end.
func bounded(t *testing.T, url string, timeout time.Duration) (webhook.Answer, error) {
	t.Helper()
	begun := time.Now()
	got, err := post(t, webhook.NewPoster(t, nil, nil), url, timeout)
	require.Less(t, time.Since(begun), soonEnough)
	require.LessOrEqual(t, len(got.Text), 1100)
	return got, err
}

// drip writes a piece every so often until nobody reads any more.
func drip(conn net.Conn, piece string) {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for range ticker.C {
		if _, err := io.WriteString(conn, piece); err != nil {
			return
		}
	}
}

// flood writes as fast as it can until nobody reads any more.
func flood(conn net.Conn, piece string) {
	for {
		if _, err := io.WriteString(conn, piece); err != nil {
			return
		}
	}
}

func TestEndpointsThatDoNotAnswer(t *testing.T) {
	t.Parallel()
	for name, speak := range map[string]func(conn net.Conn){
		"silent":          func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) },
		"status by bytes": func(conn net.Conn) { drip(conn, "H") },
		"headers by bytes": func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nX: ")
			drip(conn, "a")
		},
		"early hints for ever": func(conn net.Conn) { drip(conn, "HTTP/1.1 103 Early Hints\r\n\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := bounded(t, raw(t, speak), 500*time.Millisecond)
			require.EqualError(t, err, "the endpoint has not answered within 500ms")
			var timeout interface{ Timeout() bool }
			require.ErrorAs(t, err, &timeout)
		})
	}
}

// A body that never ends does not take back what the status said.
func TestBodiesThatDoNotEnd(t *testing.T) {
	t.Parallel()
	const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for name, speak := range map[string]func(conn net.Conn){
		"by bytes": func(conn net.Conn) {
			_, _ = io.WriteString(conn, head)
			drip(conn, "1\r\na\r\n")
		},
		"as fast as it can": func(conn net.Conn) {
			_, _ = io.WriteString(conn, head)
			flood(conn, "400\r\n"+strings.Repeat("a", 0x400)+"\r\n")
		},
		"not at all": func(conn net.Conn) {
			_, _ = io.WriteString(conn, head)
			_, _ = io.Copy(io.Discard, conn)
		},
		"closed in the middle": func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\naaa")
		},
		"chunks that are none": func(conn net.Conn) {
			_, _ = io.WriteString(conn, head+"1\r\na\r\nzz\r\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := bounded(t, raw(t, speak), requestTimeout)
			require.NoError(t, err)
			require.NoError(t, got.Fault)
			require.Equal(t, http.StatusOK, got.Status)
		})
	}
}

func TestHeadersWithoutBound(t *testing.T) {
	t.Parallel()
	for name, piece := range map[string]string{
		"many":         "X-Header: a\r\n",
		"a long one":   strings.Repeat("a", 1024),
		"early hints":  "\r\nHTTP/1.1 103 Early Hints\r\nLink: " + strings.Repeat("a", 1024) + "\r\n",
		"continuing":   "\r\nHTTP/1.1 100 Continue\r\nX: a\r\n",
		"bad protocol": "\r\n\r\n\x00\x1b[2J",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := bounded(t, raw(t, func(conn net.Conn) {
				_, _ = io.WriteString(conn, "HTTP/1.1 103 Early Hints\r\n")
				flood(conn, piece)
			}), 10*time.Second)
			require.Error(t, err)
			require.Less(t, len(err.Error()), 2000)
		})
	}
}

// Headers that end, but are more than anybody needs, are too many as well.
func TestLongHeadersAreRefused(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("a", 64<<10))
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	_, err := post(t, webhook.NewPoster(t, rootsOf(server), nil), server.URL, requestTimeout)
	require.Error(t, err)
	plain := serve(t, server.Config.Handler.ServeHTTP)
	_, err = post(t, webhook.NewPoster(t, nil, nil), plain.URL, requestTimeout)
	require.ErrorContains(t, err, "headers exceeded 16384 bytes")
}

// Endpoints that answer without end, many at a time, are not listened to: what they get rid of is what fits on the way.
func TestFloodsAreNotRead(t *testing.T) {
	t.Parallel()
	written := make(chan int, 16)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		chunk, all := bytes.Repeat([]byte("a"), 32<<10), 0
		for {
			n, err := w.Write(chunk)
			if all += n; err != nil {
				written <- all
				return
			}
		}
	}))
	server.EnableHTTP2, server.Config.ErrorLog = true, slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	t.Cleanup(server.Close)
	poster := webhook.NewPoster(t, rootsOf(server), nil)
	done := make(chan error, cap(written))
	for range cap(written) {
		go func() {
			got, err := post(t, poster, server.URL, requestTimeout)
			if err == nil && (got.Status != http.StatusOK || len(got.Text) > 1100) {
				err = fmt.Errorf("%d, %d bytes", got.Status, len(got.Text))
			}
			done <- err
		}()
	}
	for range cap(written) {
		require.NoError(t, <-done)
		require.Less(t, <-written, 1<<20)
	}
}

// A thousand bytes that would be a gigabyte are a thousand bytes.
func TestNothingIsDecompressed(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	packed := gzip.NewWriter(&bomb)
	_, err := packed.Write(make([]byte, 10<<20))
	require.NoError(t, err)
	require.NoError(t, packed.Close())
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "" {
			w.WriteHeader(http.StatusTeapot)
		}
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb.Bytes())
	})
	got, err := bounded(t, server.URL, requestTimeout)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, got.Status)
	requireHarmless(t, got.Text)
}

// requireHarmless wants a text that does nothing to a terminal or a log.
func requireHarmless(tb testing.TB, text string) {
	tb.Helper()
	require.True(tb, utf8.ValidString(text))
	require.False(tb, strings.ContainsFunc(text, unicode.IsControl), "%q", text)
}

func TestWhatIsKeptIsHarmless(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, "\x1b[2J\xff\r\n"+`{"error":"no","api_key":"hunter2","password": "hunter2"}`+strings.Repeat("ä", 2000))
	})
	got, err := bounded(t, server.URL, requestTimeout)
	require.NoError(t, err)
	require.EqualError(t, got.Fault, "the endpoint answers 400 Bad Request")
	requireHarmless(t, got.Text)
	require.Contains(t, got.Text, `400 Bad Request: `)
	require.Contains(t, got.Text, `{"error":"no"`)
	require.NotContains(t, got.Text, "hunter2")
}
