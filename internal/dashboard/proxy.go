package dashboard

import (
	"net/http"
	"net/netip"
	"strings"
)

// peer is who is at the other end of the connection.
func peer(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}

// trusted tells whether an address is a proxy's that is believed.
func (a *access) trusted(address netip.Addr) bool {
	for _, proxies := range a.config.TrustedProxies {
		if proxies.Contains(address) {
			return true
		}
	}
	return false
}

// address is who asks: the peer, or, if that is a trusted proxy, the last one in X-Forwarded-For that is none. What stands before it anybody can have written.
func (a *access) address(r *http.Request) string {
	asks := peer(r)
	forwarded := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(forwarded) - 1; i >= 0 && a.trusted(asks); i-- {
		before, err := netip.ParseAddr(strings.TrimSpace(forwarded[i]))
		if err != nil {
			break
		}
		asks = before.Unmap()
	}
	if !asks.IsValid() {
		return ""
	}
	return asks.String()
}

// overTLS tells whether what is sent can't be read on its way: by this server's own certificate, or by that of a trusted proxy.
func (a *access) overTLS(r *http.Request) bool {
	return r.TLS != nil || a.trusted(peer(r)) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}
