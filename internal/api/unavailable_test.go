package api_test

import (
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/api"
	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/proxytest"
)

// proxied is a pool whose connections go through a proxy.
func proxied(t *testing.T, pool *pgxpool.Pool) (*pgxpool.Pool, *proxytest.Proxy) {
	t.Helper()
	to := pool.Config().ConnConfig
	proxy := proxytest.New(t, net.JoinHostPort(to.Host, strconv.Itoa(int(to.Port))))
	address, err := url.Parse(pool.Config().ConnString())
	require.NoError(t, err)
	address.Host = proxy.Addr()
	through, err := pgxpool.New(t.Context(), address.String())
	require.NoError(t, err)
	t.Cleanup(through.Close)
	return through, proxy
}

// A database that is away is the service's problem, which passes: everything says so, also /readyz, and works when it is back.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	_, err := invoicing.Migrate(t.Context(), pool)
	require.NoError(t, err)
	through, proxy := proxied(t, pool)
	s := serve(t, through)
	organisation := s.organisation(t)
	s.get(t, "/readyz")
	proxy.Disable()
	for _, request := range []struct {
		method, path string
		body         any
	}{
		{http.MethodPost, "/accountify/organisation", object{"name": "Acme"}},
		{http.MethodDelete, "/accountify/organisation/" + organisation, nil},
		{http.MethodGet, "/accountify/organisation/" + organisation, nil},
		{http.MethodGet, "/accountify/invoice", nil},
		{http.MethodGet, "/accountify/organisation/" + organisation + "/summary", nil},
		{http.MethodGet, "/readyz", nil},
	} {
		for range 2 { // first the connection breaks, then there is none
			got := s.do(t, request.method, request.path, request.body)
			refused(t, got, http.StatusServiceUnavailable, "unavailable")
			require.Equal(t, "5", got.Header.Get("Retry-After"))
		}
	}
	s.get(t, "/healthz")
	proxy.Enable()
	require.Eventually(t, func() bool {
		return s.do(t, http.MethodGet, "/readyz", nil).Status == http.StatusOK
	}, patience, 1e7)
	require.Equal(t, int64(1), into[found](t, s.get(t, "/accountify/organisation/"+organisation)).Version)
}

// The log tells of it once in a while, however many requests there are.
func TestOutageIsLoggedOnce(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	pool.Close()
	var log syncedBuffer
	s := serve(t, pool, logTo(&log), func(config *api.Config) { config.Unavailable = func(error) bool { return true } })
	began := time.Now()
	for range 20 {
		refused(t, s.do(t, http.MethodGet, "/accountify/organisation/"+absent, nil), http.StatusServiceUnavailable, "unavailable")
	}
	told := strings.Count(log.String(), "the database can't be used")
	require.Positive(t, told)
	require.LessOrEqual(t, told, 1+int(time.Since(began)/(10*time.Second)))
}

// Without the example's tables it is not ready.
func TestNotMigrated(t *testing.T) {
	t.Parallel()
	s := serve(t, pgtest.New(t))
	got := s.do(t, http.MethodGet, "/readyz", nil)
	refused(t, got, http.StatusServiceUnavailable, "unavailable")
	require.JSONEq(t, `{"status":"ok"}`, string(s.get(t, "/healthz").Body))
}
