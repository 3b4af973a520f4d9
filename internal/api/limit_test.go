package api_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/api"
	"github.com/contrail-events/contrail/internal/invoicing"
)

// summaryReader answers summaries by a function of the test's.
type summaryReader struct {
	api.Reader

	read func(ctx context.Context) error
}

func (r summaryReader) Summary(ctx context.Context, _, _ string, _ contrail.Position) (invoicing.View[invoicing.Summary], error) {
	return invoicing.View[invoicing.Summary]{}, r.read(ctx)
}

// reading makes every summary end as a function does.
func reading(read func(ctx context.Context) error) func(*api.Config) {
	return func(config *api.Config) { config.Reader = summaryReader{config.Reader, read} }
}

const anySummary = "/accountify/organisation/" + absent + "/summary"

// Beyond so many requests at work no more are taken, and none waits. Probes are answered all the same.
func TestTooManyRequests(t *testing.T) {
	t.Parallel()
	begun, end := make(chan struct{}), make(chan struct{})
	s := newService(t, reading(func(context.Context) error { begun <- struct{}{}; <-end; return nil }),
		func(config *api.Config) { config.MaxRequests = 2 })
	answers := make(chan answer, 2)
	for range 2 {
		go func() {
			got, err := s.try(context.Background(), http.MethodGet, anySummary, nil)
			if err != nil {
				t.Error(err)
			}
			answers <- got
		}()
		<-begun
	}
	got := s.do(t, http.MethodGet, "/accountify/organisation", nil)
	refused(t, got, http.StatusServiceUnavailable, "busy")
	require.Equal(t, "1", got.Header.Get("Retry-After"))
	s.get(t, "/healthz")
	s.get(t, "/readyz")
	close(end)
	for range 2 {
		require.Equal(t, http.StatusOK, (<-answers).Status)
	}
	s.get(t, "/accountify/organisation")
}

// Reads that wait for a read model that does not come on, of a projection that is paused, leave room for all others.
func TestWaitingReadsLeaveRoom(t *testing.T) {
	t.Parallel()
	begun, end := make(chan struct{}), make(chan struct{})
	s := newService(t, reading(func(context.Context) error { begun <- struct{}{}; <-end; return nil }),
		func(config *api.Config) { config.MaxRequests = 2 })
	answers := make(chan answer, 1)
	go func() {
		got, err := s.try(context.Background(), http.MethodGet, anySummary+"?at_least=1", nil)
		if err != nil {
			t.Error(err)
		}
		answers <- got
	}()
	<-begun
	refused(t, s.do(t, http.MethodGet, anySummary+"?at_least=1", nil), http.StatusServiceUnavailable, "busy")
	s.organisation(t)
	close(end)
	require.Equal(t, http.StatusOK, (<-answers).Status)
}

// The work on a request ends in time, and the log tells of it.
func TestRequestTimeout(t *testing.T) {
	t.Parallel()
	var log syncedBuffer
	s := newService(t, reading(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }),
		func(config *api.Config) { config.RequestTimeout = 50 * time.Millisecond }, logTo(&log))
	refused(t, s.do(t, http.MethodGet, anySummary, nil), http.StatusGatewayTimeout, "timeout")
	require.Contains(t, log.String(), `level=WARN msg="a request was not done in time"`)
}

// A command that has to wait for the database is rolled back then.
func TestCommandTimeout(t *testing.T) {
	t.Parallel()
	s := newService(t, func(config *api.Config) { config.RequestTimeout = time.Second })
	organisation := s.organisation(t)
	tx, err := s.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `LOCK TABLE invoicing.register`)
	require.NoError(t, err)
	refused(t, s.do(t, http.MethodPut, "/accountify/organisation/"+organisation, object{"name": "Apex"}), http.StatusGatewayTimeout, "timeout")
	require.NoError(t, tx.Rollback(t.Context()))
	require.Equal(t, int64(1), into[found](t, s.get(t, "/accountify/organisation/"+organisation)).Version)
}

// A fault of the service tells the client nothing but where to look, and the log everything.
func TestPanicsAndFailures(t *testing.T) {
	t.Parallel()
	for name, read := range map[string]func(context.Context) error{
		"panic":   func(context.Context) error { panic("hunter2") },
		"failure": func(context.Context) error { return errors.New("hunter2") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log syncedBuffer
			s := newService(t, reading(read), logTo(&log))
			got := s.do(t, http.MethodGet, anySummary, nil, "X-Correlation-Id", "c-7")
			p := refused(t, got, http.StatusInternalServerError, "internal")
			require.NotContains(t, got.String(), "hunter2")
			require.Contains(t, p.Detail, "c-7")
			require.Contains(t, log.String(), "hunter2")
			require.Contains(t, log.String(), "c-7")
			require.Equal(t, name == "panic", strings.Contains(log.String(), "limit_test.go"), "the stack")
			s.get(t, "/accountify/organisation")
		})
	}
}

// raw writes a request as it stands, and reads the answer.
func raw(t *testing.T, s *service, text string) *http.Response {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, text)
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func answerOf(t *testing.T, response *http.Response) answer {
	t.Helper()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{response.StatusCode, response.Header, text}
}

const head = "POST /accountify/organisation HTTP/1.1\r\nHost: x\r\nX-Tenant-Id: t1\r\nContent-Type: application/json\r\n"

// A body that does not come is not waited for.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	s := newService(t, func(config *api.Config) { config.BodyTimeout = 50 * time.Millisecond })
	got := answerOf(t, raw(t, s, head+"Content-Length: 100\r\n\r\n{"))
	refused(t, got, http.StatusRequestTimeout, "body-timeout")
}

// A body that does not say how long it is, is bounded as well, and one that breaks off is told of.
func TestUnboundedBodies(t *testing.T) {
	t.Parallel()
	s := newService(t, func(config *api.Config) { config.MaxBodyBytes = 1000 })
	chunk := fmt.Sprintf("%x\r\n%s\r\n", 600, strings.Repeat("x", 600))
	got := answerOf(t, raw(t, s, head+"Transfer-Encoding: chunked\r\n\r\n"+chunk+chunk))
	refused(t, got, http.StatusRequestEntityTooLarge, "body-too-large")
	got = answerOf(t, raw(t, s, head+"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n"))
	refused(t, got, http.StatusBadRequest, "malformed")
	name := strings.Repeat("x", 200)
	body := `{"name":"` + name + `"}` + strings.Repeat(" ", 1000-len(`{"name":""}`)-len(name))
	require.Len(t, body, 1000)
	s.command(t, http.MethodPost, "/accountify/organisation", body)
	refused(t, s.do(t, http.MethodPost, "/accountify/organisation", body+" "), http.StatusRequestEntityTooLarge, "body-too-large")
}

// Whose data it is about must be said once.
func TestTenantGivenTwice(t *testing.T) {
	t.Parallel()
	s := newService(t)
	got := answerOf(t, raw(t, s, "GET /accountify/organisation HTTP/1.1\r\nHost: x\r\nX-Tenant-Id: t1\r\nX-Tenant-Id: t2\r\n\r\n"))
	p := refused(t, got, http.StatusBadRequest, "malformed")
	require.Contains(t, p.Detail, "more than once")
}

func TestConfigNamesEveryFault(t *testing.T) {
	t.Parallel()
	_, err := api.New(api.Config{MaxBodyBytes: -1, MaxHeaderBytes: -1, MaxRequests: -1, RequestTimeout: -1, BodyTimeout: 1})
	for _, field := range []string{"Services", "Reader", "MaxBodyBytes", "MaxHeaderBytes", "MaxRequests", "RequestTimeout", "BodyTimeout"} {
		require.ErrorContains(t, err, "Config."+field)
	}
}
