package dashboard_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/dashboard"
)

const (
	operatorToken = "operator-token-of-the-test"
	viewerToken   = "viewer-token-of-the-test"
)

func guarded(c *dashboard.Config) { c.Token, c.ViewerToken = operatorToken, viewerToken }

// Every answer, whatever it is, says what the browser may do with it.
func TestHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	css := regexp.MustCompile(`/static/[0-9a-f]{16}/contrail\.css`).FindString(w.page("/audit"))
	require.NotEmpty(t, css)
	for _, path := range []string{"/", "/audit", "/audit?format=json", "/nowhere", "/login", css, "/audit/1"} {
		got := w.get(path)
		for name, value := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; form-action 'self'; " +
				"base-uri 'none'; frame-ancestors 'none'",
		} {
			require.Equal(t, value, got.Header.Get(name), "%s of %s", name, path)
		}
		if path == css {
			require.Equal(t, "public, max-age=31536000, immutable", got.Header.Get("Cache-Control"))
			require.Equal(t, "text/css; charset=utf-8", got.Header.Get("Content-Type"))
			continue
		}
		require.Equal(t, "no-store", got.Header.Get("Cache-Control"), path)
	}
}

// Nothing that is served names another host, but for namespaces and licences.
func TestNoOtherHost(t *testing.T) {
	t.Parallel()
	named := regexp.MustCompile(`(?:src|href|action|url\(|@import)\s*=?\s*["']?\s*(?:https?:)?//`)
	for _, pattern := range []string{"templates/*.html", "static/contrail.*", "static/icon.svg"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NotRegexp(t, named, string(text), file)
			require.NotRegexp(t, `\sstyle=|\son[a-z]+=["']|<script>|javascript:`, string(text), "%s: the policy forbids it", file)
		}
	}
}

// Without a credential there is no page, no JSON, no stream and no action, and an address that nobody knows is none either.
func TestNoCredentialNoPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, guarded)
	for _, route := range append(w.dashboard.Pages(), dashboard.Route{Address: "/nowhere"}) {
		html := w.get(route.Address, accepting("text/html"))
		require.Equal(t, http.StatusSeeOther, html.StatusCode, route.Address)
		require.True(t, strings.HasPrefix(html.Header.Get("Location"), "/login"), route.Address)
		for _, path := range []string{route.Address + "?format=json", route.Address + "?live=1"} {
			require.Equal(t, http.StatusUnauthorized, w.get(path).StatusCode, path)
		}
		require.Equal(t, http.StatusUnauthorized, w.get(route.Address, accepting("application/json")).StatusCode, route.Address)
		require.Equal(t, http.StatusUnauthorized, w.get(route.Address, func(r *http.Request) { r.Method = http.MethodHead }).StatusCode, "so the script tells")
		require.Equal(t, http.StatusOK, w.get("/login").StatusCode)
	}
	for _, route := range w.dashboard.Actions() {
		require.Equal(t, http.StatusUnauthorized, w.post(route.Address, "reason", "x").StatusCode, route.Address)
		require.Equal(t, http.StatusUnauthorized, w.submit(route.Address, nil, accepting("application/json")).StatusCode, route.Address)
	}
	require.Equal(t, http.StatusUnauthorized, w.post("/logout").StatusCode)
	require.Zero(t, value[int](w, `SELECT count(*) FROM contrail.audit`))
}

// A viewer sees every page, and does nothing.
func TestViewerCannotAct(t *testing.T) {
	t.Parallel()
	w := newWorld(t, guarded)
	viewer := bearing(viewerToken)
	require.Equal(t, http.StatusOK, w.get("/audit", viewer).StatusCode)
	require.NotEmpty(t, w.dashboard.Actions())
	for _, route := range w.dashboard.Actions() {
		got := w.submit(route.Address, []string{"reason", "x"}, viewer)
		require.Equal(t, http.StatusForbidden, got.StatusCode, route.Address)
	}
	require.Zero(t, value[int](w, `SELECT count(*) FROM contrail.audit`))
	require.NotContains(t, w.get("/health", viewer).body, "Examine again")
	require.Contains(t, w.get("/health", bearing(operatorToken)).body, "Examine again")
}

// A form that a page of another site has posted is refused, however it says so.
func TestCrossSite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, change := range map[string]func(*http.Request){
		"fetch metadata": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"same site":      func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
		"origin":         func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "https://evil.example") },
		"null origin":    func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "null") },
	} {
		for _, path := range []string{"/health/examine", "/preferences", "/login", "/logout"} {
			require.Equal(t, http.StatusForbidden, w.submit(path, nil, change).StatusCode, "%s %s", name, path)
		}
	}
	require.Zero(t, value[int](w, `SELECT count(*) FROM contrail.audit`))
	require.Equal(t, http.StatusSeeOther, w.post("/health/examine").StatusCode)
}

// Without credentials another name for this address is not answered: a page of another site may have had its own name resolved to it.
func TestHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	as := func(host string) func(*http.Request) { return func(r *http.Request) { r.Host = host } }
	for _, host := range []string{"localhost", "LOCALHOST:8088", "127.0.0.1", "127.9.9.9:1", "[::1]:80", "[::1]"} {
		require.Equal(t, http.StatusOK, w.get("/audit", as(host)).StatusCode, host)
	}
	for _, host := range []string{"evil.example", "localhost.evil.example:8088", "10.0.0.1", "127.0.0.1.nip.io", "0.0.0.0:8088"} {
		for _, path := range []string{"/audit", "/audit?format=json", "/audit?live=1", "/login"} {
			require.Equal(t, http.StatusMisdirectedRequest, w.get(path, as(host)).StatusCode, "%s %s", host, path)
		}
	}
	for _, name := range []string{"X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"} {
		got := w.get("/audit", func(r *http.Request) { r.Header.Set(name, "203.0.113.7") })
		require.Equal(t, http.StatusForbidden, got.StatusCode, "whoever reaches the proxy would be the operator: %s", name)
	}
	w.serve(guarded)
	require.Equal(t, http.StatusOK, w.get("/audit", as("dashboard.example.org"), bearing(operatorToken)).StatusCode, "a token tells who it is")
}

// What others reach needs credentials, and faulty settings are all told.
func TestConfig(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config dashboard.Config
		faults []string
	}{
		"all addresses": {dashboard.Config{Listen: ":8088"}, []string{`Listen is ":8088", which others reach: set Token or UsersFile, or listen on 127.0.0.1`}},
		"a name":        {dashboard.Config{Listen: "db.example.org:1"}, []string{"which others reach"}},
		"no port":       {dashboard.Config{Listen: "127.0.0.1"}, []string{`Listen is "127.0.0.1", must be HOST:PORT`}},
		"tokens":        {dashboard.Config{Token: "short", ViewerToken: "short"}, []string{"Token has 5 characters", "ViewerToken has 5 characters", "are the same"}},
		"no operator":   {dashboard.Config{ViewerToken: viewerToken}, []string{"nobody could be an operator"}},
		"no such file":  {dashboard.Config{UsersFile: "missing"}, []string{"dashboard.Config: UsersFile: stat missing"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := dashboard.New(nil, nil, c.config)
			require.Error(t, err)
			for _, fault := range c.faults {
				require.ErrorContains(t, err, fault)
			}
		})
	}
	_, err := dashboard.New(nil, nil, dashboard.Config{Listen: ":8088", Token: operatorToken})
	require.NoError(t, err)
}
