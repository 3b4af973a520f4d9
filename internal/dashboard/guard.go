package dashboard

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"
)

// policy lets a page have what this server serves, and nothing else: no script, style or handler that is written into a page takes effect.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'"

// secured adds to every answer what keeps a browser from doing harm with it.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "same-origin") // not no-referrer: browsers would send "Origin: null" with our own forms, which is refused
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		header.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

const (
	mostBody = 1 << 20          // bytes of a form
	bodyTime = 15 * time.Second // that a form may take to arrive
	pageTime = 15 * time.Second // that reading a page may take
	sendTime = 30 * time.Second // that an answer may take to be sent
)

// bounded bounds what a request may send, and how long that and the answer may take. A live page moves its own deadline on.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connection, now := http.NewResponseController(w), time.Now()
		_ = connection.SetReadDeadline(now.Add(bodyTime)) // not to be had behind a recorder
		_ = connection.SetWriteDeadline(now.Add(bodyTime + actTime + sendTime))
		r.Body = http.MaxBytesReader(w, r.Body, mostBody)
		next.ServeHTTP(w, r)
	})
}

// sameOrigin refuses forms that another site's page has posted.
func (d *Dashboard) sameOrigin(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.config.Logger.WarnContext(r.Context(), "a form that another site has posted was refused", slog.String("origin", r.Header.Get("Origin")))
		d.refuse(w, r, &httpError{http.StatusForbidden, "this form was posted by a page of another site; nothing was done"})
	}))
	return protection.Handler(next)
}

// forwarding are the header fields by which a proxy tells of itself.
func forwarding() []string {
	return []string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip"}
}

// rightHost refuses other names for this computer, where nothing else tells who asks: another site's page may have had its name resolved to this address.
// It refuses what a proxy passes on, too: whoever reaches that would be the operator.
func (d *Dashboard) rightHost(next http.Handler) http.Handler {
	if d.config.credentials() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if !isLoopbackName(host) {
			d.refuse(w, r, &httpError{http.StatusMisdirectedRequest, "without credentials the dashboard answers to the names of this computer alone: use " +
				"http://localhost or http://127.0.0.1 with its port, or give it a token"})
			return
		}
		for _, name := range forwarding() {
			if r.Header.Get(name) != "" {
				d.refuse(w, r, &httpError{http.StatusForbidden, "without credentials the dashboard answers to this computer alone, and a proxy has passed this " +
					"request on (" + name + "): give the dashboard a token, and name the proxy with --trusted-proxy"})
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// isLoopbackName tells whether a name or an address without a port is this computer's own, whatever a name server says.
func isLoopbackName(host string) bool {
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

// recovered makes an error page of a panic.
func (d *Dashboard) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { //nolint:contextcheck // it has the request's
			thrown := recover()
			if thrown == nil {
				return
			}
			if thrown == http.ErrAbortHandler { //nolint:errorlint // it is thrown as it is
				panic(thrown)
			}
			d.config.Logger.ErrorContext(r.Context(), "a request has panicked", slog.String("path", r.URL.Path), slog.Any("panic", thrown),
				slog.String("stack", string(debug.Stack())))
			d.refuse(w, r, fmt.Errorf("this is a defect: %v; the log has more", thrown))
		}()
		next.ServeHTTP(w, r)
	})
}
