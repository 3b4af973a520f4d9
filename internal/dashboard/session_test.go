package dashboard_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/contrail-events/contrail/internal/dashboard"
)

const password = "correct horse battery"

// users writes a file in which ada is an operator, by argon2id, and bob a viewer, by bcrypt.
func users(t *testing.T) string {
	t.Helper()
	ada, err := dashboard.HashPassword(password)
	require.NoError(t, err)
	bob, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "users")
	require.NoError(t, os.WriteFile(path, []byte("# who\n\nada:operator:"+ada+"\nbob:viewer:"+string(bob)+"\n"), 0o600))
	return path
}

// clock is a Config.Now that a test moves on.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time       { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) pass(d time.Duration) { c.ahead.Add(int64(d)) }

// remember has the client keep cookies, as a browser.
func (w *world) remember() {
	w.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(w, err)
	w.client.Jar = jar
}

func sessionCookie(got answer) *http.Cookie {
	for _, cookie := range got.Cookies() {
		if strings.HasSuffix(cookie.Name, "contrail_session") {
			return cookie
		}
	}
	return nil
}

// Who logs in gets a session, and where they wanted to; who logs out has none any more.
func TestSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, guarded, func(c *dashboard.Config) { c.UsersFile = users(t) })
	for _, one := range []struct{ name, password, role string }{
		{"ada", password, "operator"}, {"bob", password, "viewer"}, {"", operatorToken, "operator"}, {"", viewerToken, "viewer"},
	} {
		w.remember()
		asked := w.get("/audit?who=x")
		require.Equal(t, "/login?next=%2Faudit%3Fwho%3Dx", asked.Header.Get("Location"))
		got := w.post("/login", "name", one.name, "password", one.password, "next", "/audit?who=x")
		require.Equal(t, http.StatusSeeOther, got.StatusCode, got.body)
		require.Equal(t, "/audit?who=x", got.Header.Get("Location"))
		cookie := sessionCookie(got)
		require.NotNil(t, cookie)
		require.True(t, cookie.HttpOnly)
		require.False(t, cookie.Secure, "the test's connection is not encrypted")
		require.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
		require.Equal(t, "/", cookie.Path)
		require.Len(t, cookie.Value, 52)
		require.Contains(t, w.page("/audit"), ", "+one.role+" ·")
		want := http.StatusSeeOther
		if one.role == "viewer" {
			want = http.StatusForbidden
		}
		require.Equal(t, want, w.post("/health/examine").StatusCode)
		require.Equal(t, "/login", w.post("/logout").Header.Get("Location"))
		w.remember()
		require.Equal(t, http.StatusSeeOther, w.get("/audit", func(r *http.Request) { r.AddCookie(cookie) }).StatusCode, "the old id is worth nothing")
	}
}

// A session ends when it is not used, and when it is old; and at once when its user is removed, or has another role or password.
func TestSessionEnds(t *testing.T) {
	t.Parallel()
	at, path := &clock{}, users(t)
	w := newWorld(t, func(c *dashboard.Config) {
		c.UsersFile, c.Now, c.Idle, c.Session = path, at.now, time.Hour, 3*time.Hour
	})
	login := func(name string) {
		w.remember()
		require.Equal(t, http.StatusSeeOther, w.post("/login", "name", name, "password", password).StatusCode)
		require.Equal(t, http.StatusOK, w.get("/audit").StatusCode)
	}
	login("ada")
	for range 5 {
		at.pass(35 * time.Minute)
		require.Equal(t, http.StatusOK, w.get("/audit").StatusCode, "it is used")
	}
	at.pass(35 * time.Minute)
	require.Equal(t, http.StatusSeeOther, w.get("/audit").StatusCode, "it is older than three hours")
	login("ada")
	at.pass(61 * time.Minute)
	require.Equal(t, http.StatusSeeOther, w.get("/audit").StatusCode, "it was not used for an hour")

	login("ada")
	require.Contains(t, w.page("/"), `data-from="/series?format=json&amp;minutes=15&amp;live=1"`)
	at.pass(35 * time.Minute)
	require.Contains(t, w.get("/series?format=json&live=1").body, `"minutes": 15`)
	at.pass(35 * time.Minute)
	require.Equal(t, http.StatusSeeOther, w.get("/audit").StatusCode, "what the charts read is not")

	login("bob")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(text), "bob:viewer", "bob:operator", 1)), 0o600))
	require.Equal(t, http.StatusSeeOther, w.get("/audit").StatusCode, "bob has another role")
	login("bob")
	require.Contains(t, w.page("/audit"), "bob, operator")
	require.NoError(t, os.WriteFile(path, []byte("nonsense\n"), 0o600))
	require.Equal(t, http.StatusOK, w.get("/audit").StatusCode, "a faulty file locks nobody out")
	require.Contains(t, w.logged.String(), "the file of users is faulty")
	require.NoError(t, os.WriteFile(path, []byte(strings.Split(string(text), "bob")[0]), 0o600))
	require.Equal(t, http.StatusSeeOther, w.get("/audit").StatusCode, "bob is gone")
}

// Wrong names and wrong passwords are told alike, and after ten one has to wait, whoever one says to be; others don't.
func TestLoginLimit(t *testing.T) {
	t.Parallel()
	at := &clock{}
	frozen := at.now()
	w := newWorld(t, guarded, func(c *dashboard.Config) {
		c.UsersFile, c.TrustedProxies = users(t), []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		c.Now = func() time.Time { return frozen.Add(time.Duration(at.ahead.Load())) }
	})
	from := func(address string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("X-Forwarded-For", "6.6.6.6, "+address) }
	}
	try := func(address, name, with string) answer {
		return w.submit("/login", []string{"name", name, "password", with}, from(address))
	}
	for range 12 {
		require.Equal(t, http.StatusSeeOther, try("192.0.2.1", "", operatorToken).StatusCode, "those that succeed don't count")
	}
	for i, name := range []string{"ada", "bob", "nobody", "", "ada", "bob", "nobody", "", "x", "y"} {
		got := try("192.0.2.1", name, "wrong "+strconv.Itoa(i))
		require.Equal(t, http.StatusUnauthorized, got.StatusCode)
		require.Contains(t, got.body, "The name, the password or the token is wrong.")
		require.Nil(t, sessionCookie(got))
	}
	got := try("192.0.2.1", "ada", password)
	require.Equal(t, http.StatusTooManyRequests, got.StatusCode, "though it is right")
	require.Equal(t, "10", got.Header.Get("Retry-After"))
	got = w.get("/audit", bearing("wrong"), from("192.0.2.1"), accepting("application/json"))
	require.Equal(t, http.StatusTooManyRequests, got.StatusCode, "bearer tokens count as well")
	require.Equal(t, http.StatusOK, w.get("/audit", bearing(operatorToken), from("192.0.2.1")).StatusCode, "a right one is let through")
	require.Equal(t, http.StatusSeeOther, try("192.0.2.2", "ada", password).StatusCode, "another address")
	for i := range 10 {
		try("192.0.2."+strconv.Itoa(10+i), "bob", "wrong")
	}
	require.Equal(t, http.StatusTooManyRequests, try("192.0.2.99", "bob", password).StatusCode, "for one user from many addresses")
	at.pass(11 * time.Second)
	require.Equal(t, http.StatusSeeOther, try("192.0.2.1", "ada", password).StatusCode, "one more each ten seconds")
}

// Behind a proxy that is trusted, cookies are for encrypted connections if the browser's is one; nobody else is believed.
func TestTrustedProxy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, guarded, func(c *dashboard.Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	https := func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https") }
	login := func() *http.Cookie {
		return sessionCookie(w.submit("/login", []string{"password", operatorToken}, https))
	}
	require.True(t, login().Secure)
	require.Equal(t, "__Host-contrail_session", login().Name)
	w.serve(guarded)
	require.False(t, login().Secure, "this proxy is not trusted")
}

// After the login nobody is led to another site.
func TestInsideOnly(t *testing.T) {
	t.Parallel()
	for address, inside := range map[string]string{
		"/audit?who=x": "/audit?who=x", "/a%2Fb": "/a%2Fb", "/": "/", "": "/", "audit": "/", "//evil.example": "/", "/\\evil.example": "/", "https://evil.example/": "/",
		"/\t/evil.example": "/", "///evil.example": "/", "javascript:alert(1)": "/", "/audit#x": "/audit", "http:/audit": "/", "/%2F/evil.example": "/",
	} {
		require.Equal(t, inside, dashboard.InsideOnly(address), address)
	}
}

// The file of users is read strictly.
func TestUsersFile(t *testing.T) {
	t.Parallel()
	ada, err := dashboard.HashPassword(password)
	require.NoError(t, err)
	for text, fault := range map[string]string{
		"":                      "there is nobody in it",
		"ada":                   "line 1: it is not name:role:hash",
		"\nada:boss:" + ada:     `line 2: the role is "boss"`,
		"local:viewer:" + ada:   `the name "local" is taken`,
		"a b:viewer:" + ada:     `the name "a b" must have`,
		"ada:viewer:secret":     "neither argon2id's nor bcrypt's",
		"ada:viewer:$2a$31$abc": "not bcrypt's",
		"ada:viewer:" + ada + "\nada:operator:" + ada:                          "line 2: ada is there twice",
		"ada:viewer:" + strings.Replace(ada, "m=19456", "m=4194304", 1):        "beyond what is reasonable",
		"ada:viewer:" + strings.Replace(ada, "v=19", "v=16", 1):                "must be v=19",
		"ada:viewer:" + strings.Replace(ada, "$m=19456,t=2,p=1$", "$fast$", 1): `parameters are "fast"`,
	} {
		path := filepath.Join(t.TempDir(), "users")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := dashboard.New(nil, nil, dashboard.Config{UsersFile: path})
		require.ErrorContains(t, err, fault, text)
	}
	_, err = dashboard.HashPassword("short")
	require.ErrorContains(t, err, "10 to 256 bytes")
}
