package webhook_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/webhook"
)

func TestAddressesThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, addresses := range map[string][]string{
		"loopback":   {"127.0.0.1:80", "127.8.8.8:80", "[::1]:80", "0.0.0.0:80", "[::]:80"},
		"private":    {"10.1.2.3:443", "172.16.0.1:443", "172.31.255.255:443", "192.168.1.1:443", "[fc00::1]:443", "[fd12::1]:443"},
		"link-local": {"169.254.1.1:80", "[fe80::1]:80", "[fe80::1%eth0]:80"},
		"metadata":   {"169.254.169.254:80", "[fd00:ec2::254]:80", "100.100.100.200:80", "168.63.129.16:80", "192.0.0.192:80"},
		"CGNAT":      {"100.64.0.1:80", "100.127.255.255:80"},
		"mapped":     {"[::ffff:127.0.0.1]:80", "[::ffff:10.0.0.1]:80", "[::ffff:169.254.169.254]:80", "[::127.0.0.1]:80"},
		"NAT64":      {"[64:ff9b::7f00:1]:80", "[64:ff9b::a9fe:a9fe]:80", "[64:ff9b:1::a00:1]:80", "[64:ff9b::808:808]:80"},
		"6to4":       {"[2002:7f00:1::]:80", "[2002:a00:1::]:80"},
		"Teredo":     {"[2001:0:4136:e378:8000:63bf:3fff:fdd2]:80"},
		"others":     {"224.0.0.1:80", "255.255.255.255:80", "240.0.0.1:80", "198.18.0.1:80", "192.0.2.1:80", "[ff02::1]:80", "[2001:db8::1]:80"},
		"no address": {"example.com:80", "", "127.0.0.1"},
	} {
		for _, address := range addresses {
			require.ErrorIs(t, webhook.CheckAddress(address, false), webhook.ErrRefused, "%s: %s", name, address)
		}
	}
	for _, address := range []string{"93.184.215.14:443", "8.8.8.8:8443", "[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:443", "[::ffff:8.8.8.8]:80"} {
		require.NoError(t, webhook.CheckAddress(address, false), address)
		require.NoError(t, webhook.CheckAddress(address, true), address)
	}
}

// What may be in a private network still may not be where credentials are handed out.
func TestPrivateAddressesThatAreAllowed(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1:80", "[::1]:80", "10.1.2.3:80", "172.16.0.1:80", "192.168.1.1:80", "100.64.0.1:80", "[fd12::1]:80", "[::ffff:10.0.0.1]:80"} {
		require.NoError(t, webhook.CheckAddress(address, true), address)
	}
	for _, address := range []string{
		"169.254.169.254:80", "169.254.170.2:80", "[fd00:ec2::254]:80", "[fd20:ce::254]:80", "100.100.100.200:80", "168.63.129.16:80", "[::ffff:169.254.169.254]:80",
		"169.254.1.1:80", "[fe80::1]:80", "0.0.0.0:80", "[::]:80", "224.0.0.1:80", "[64:ff9b::7f00:1]:80",
	} {
		require.ErrorIs(t, webhook.CheckAddress(address, true), webhook.ErrRefused, address)
	}
}

func TestURLsThatAreRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                     "is required",
		"https://" + strings.Repeat("a", 2048): "longer than 2048",
		"example.com/hooks":                    "does not begin with https://",
		"ftp://example.com":                    "does not begin with https://",
		"https:example.com":                    "has no //",
		"https:///hooks":                       "names no host",
		"https://:443/":                        "names no host",
		"http://example.com":                   "everybody on the way",
		"https://ada:hunter2@example.com":      "a user or a password",
		"https://ada@example.com":              "a user or a password",
		"https://example.com/#part":            "a fragment",
		"https://example.com/#":                "a fragment",
		"https://example.com:0/":               "a port that",
		"https://example.com:65536/":           "a port that",
		"https://example.com:/":                "a port that",
		"https://example.com:hunter2/":         "can't be read",
		"https://exa mple.com/":                "not printable ASCII",
		"https://exämple.com/":                 "not printable ASCII",
		"https://example.com/\r\nX: y":         "not printable ASCII",
		"https://localhost/":                   "localhost, which is this machine",
		"https://LOCALHOST./":                  "localhost, which is this machine",
		"https://a.localhost/":                 "which is this machine",
		"https://127.0.0.1/":                   "is not in the public internet",
		"https://[::1]:8443/":                  "is not in the public internet",
		"https://[::ffff:10.0.0.1]/":           "is not in the public internet",
		"https://[64:ff9b::7f00:1]/":           "is not in the public internet",
		"https://[fe80::1%25eth0]/":            "a network interface",
		"https://169.254.169.254/latest":       "credentials",
		"https://100.64.0.1/":                  "is not in the public internet",
		"https://2130706433/":                  "looks like a number",
		"https://0x7f000001/":                  "looks like a number",
		"https://0x7f.1/":                      "looks like a number",
		"https://127.1/":                       "looks like a number",
		"https://0177.0.0.1/":                  "looks like a number",
		"https://127.0.0.1./":                  "looks like a number",
		"https://1.2.3.4.5/":                   "looks like a number",
		"https://a..b/":                        "neither a name nor an address",
		"https://a%2eb/":                       "can't be read",
		"https://a,b/":                         "neither a name nor an address",
	} {
		err := webhook.CheckURL(text, false)
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), "hunter2")
	}
	err := webhook.CheckURL("http://ada:hunter2@127.0.0.1:0/#x", false)
	for _, fault := range []string{"everybody on the way", "a user or a password", "a fragment", "a port", "not in the public internet"} {
		require.ErrorContains(t, err, fault, "all faults at once")
	}
}

func TestURLsThatAreGood(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"https://example.com", "https://example.com/hooks?token=1", "HTTPS://Example.com:8443/", "https://xn--exmple-cua.com/", "https://8.8.8.8/",
		"https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/", "https://my_host.example/", "https://example.com./",
	} {
		require.NoError(t, webhook.CheckURL(text, false), text)
	}
	for _, text := range []string{"http://127.0.0.1:8080/hooks", "https://localhost/", "http://10.0.0.1/", "http://[::1]:80/", "http://billing.internal/"} {
		require.NoError(t, webhook.CheckURL(text, true), text)
	}
	require.ErrorIs(t, webhook.CheckURL("http://169.254.169.254/", true), webhook.ErrRefused)
}

// unreachable listens on this machine, and counts who connects.
func unreachable(tb testing.TB) (port string, connected *atomic.Int64) {
	tb.Helper()
	connected = new(atomic.Int64)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connected.Add(1)
		}
	}
	server.Start()
	tb.Cleanup(server.Close)
	parsed, err := url.Parse(server.URL)
	require.NoError(tb, err)
	return parsed.Port(), connected
}

// Whatever a URL or a name server says: when it comes to a connection, it is the address that counts. The server is there, and nobody connects.
func TestNothingIsSentToWhereItMayNotGo(t *testing.T) {
	t.Parallel()
	port, connected := unreachable(t)
	names := resolver(t, map[string][]netip.Addr{
		"inside.example.": {netip.MustParseAddr("127.0.0.1")}, "both.example.": {netip.MustParseAddr("::1"), netip.MustParseAddr("127.0.0.1")},
		"cloud.example.": {netip.MustParseAddr("169.254.169.254")}, "company.example.": {netip.MustParseAddr("10.0.0.1")},
		"mapped.example.": {netip.MustParseAddr("::ffff:127.0.0.1")},
	})
	poster := webhook.NewPoster(t, nil, names)
	for _, host := range []string{
		"127.0.0.1", "127.0.0.2", "[::1]", "localhost", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1", "[fe80::1%25lo]", "[64:ff9b::7f00:1]",
		"inside.example", "both.example", "cloud.example", "company.example", "mapped.example",
	} {
		for _, scheme := range []string{"http://", "https://"} {
			to := webhook.Target{URL: scheme + host + ":" + port + "/", Timeout: requestTimeout, Secrets: []webhook.Secret{webhook.NewSecret()}}
			_, err := poster.Do(t.Context(), to, uuid.New(), []byte("{}"))
			require.ErrorIs(t, err, webhook.ErrRefused, to.URL)
			require.True(t, strings.HasPrefix(err.Error(), "the address is refused: "), err)
		}
	}
	for _, host := range []string{"cloud.example", "169.254.169.254"} { // not even where private networks are allowed
		to := webhook.Target{URL: "http://" + host + ":" + port, Timeout: requestTimeout, Private: true}
		_, err := poster.Do(t.Context(), to, uuid.New(), []byte("{}"))
		require.ErrorIs(t, err, webhook.ErrRefused, host)
	}
	for _, host := range []string{"2130706433", "0x7f.1", "0177.0.0.1", "127.1"} { // which are names, to some resolvers: here nobody knows them
		_, err := poster.Do(t.Context(), webhook.Target{URL: "http://" + host + ":" + port, Timeout: requestTimeout}, uuid.New(), nil)
		require.Error(t, err, host)
	}
	require.Zero(t, connected.Load())

	// The same endpoint answers one that may be there; and its connection, which stays open, is of no use to one that may not.
	for range 2 {
		got, err := poster.Do(t.Context(), webhook.Target{URL: "http://inside.example:" + port, Timeout: requestTimeout, Private: true}, uuid.New(), nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, got.Status)
		_, err = poster.Do(t.Context(), webhook.Target{URL: "http://inside.example:" + port, Timeout: requestTimeout}, uuid.New(), nil)
		require.ErrorIs(t, err, webhook.ErrRefused)
	}
	require.EqualValues(t, 1, connected.Load())
}

// A name that meant one thing when the endpoint was added may mean another one later: it is asked for at each connection.
func TestNamesThatMoveAreRefused(t *testing.T) {
	t.Parallel()
	port, connected := unreachable(t)
	answers := map[string][]netip.Addr{"moving.example.": {netip.MustParseAddr("8.8.8.8")}}
	require.NoError(t, webhook.CheckURL("https://moving.example:"+port, false))
	answers["moving.example."] = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	_, err := webhook.NewPoster(t, nil, resolver(t, answers)).
		Do(t.Context(), webhook.Target{URL: "https://moving.example:" + port, Timeout: requestTimeout}, uuid.New(), nil)
	require.ErrorIs(t, err, webhook.ErrRefused)
	require.Zero(t, connected.Load())
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	port, connected := unreachable(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{"http://127.0.0.1:" + port + "/?token=hunter2", "http://ada:hunter2@169.254.169.254/", "//[::1]:" + port, "/elsewhere"} {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", to)
				w.WriteHeader(status)
			}))
			got, err := webhook.NewPoster(t, nil, nil).
				Do(t.Context(), webhook.Target{URL: server.URL, Timeout: requestTimeout, Private: true}, uuid.New(), []byte("{}"))
			server.Close()
			require.NoError(t, err)
			require.Equal(t, status, got.Status)
			require.ErrorContains(t, got.Fault, "redirects are not followed")
			require.NotContains(t, got.Fault.Error()+got.Text, "hunter2")
		}
	}
	require.Zero(t, connected.Load())
}

func TestNoProxyIsAsked(t *testing.T) {
	t.Parallel()
	public, private := webhook.NewPoster(t, nil, nil).Transports()
	require.Nil(t, public.Proxy)
	require.Nil(t, private.Proxy)
}

// A URL that passes can be requested, over TLS, at a host that the guard lets pass if it is an address; and no fault tells a password.
func FuzzURL(f *testing.F) {
	for _, text := range []string{
		"https://example.com/hooks?x=1", "http://127.0.0.1:8080", "https://[::ffff:7f00:1]/", "https://0x7f.1", "https://a:hunter2@b/#c", "https://[fe80::1%25lo]:1/", "//",
		"https://①②⑦.0.0.1/", "https://127.0.0.1\\@example.com/", "https://example.com:443:80/", "https://%31%32%37.0.0.1/",
	} {
		f.Add(text, false)
		f.Add(text, true)
	}
	f.Fuzz(func(t *testing.T, text string, private bool) {
		if err := webhook.CheckURL(text, private); err != nil {
			require.NotContains(t, err.Error(), "hunter2")
			return
		}
		request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, text, nil)
		require.NoError(t, err)
		require.Nil(t, request.URL.User)
		require.Empty(t, request.URL.Fragment)
		require.True(t, private || request.URL.Scheme == "https", text)
		if address, err := netip.ParseAddr(request.URL.Hostname()); err == nil {
			require.NoError(t, webhook.CheckAddress(netip.AddrPortFrom(address, 443).String(), private))
		} else if found := net.ParseIP(request.URL.Hostname()); found != nil {
			t.Fatalf("%q is an address to some", text)
		}
		require.NoError(t, webhook.CheckURL(request.URL.String(), private), "what net/http makes of it")
	})
}
