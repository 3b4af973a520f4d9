package api

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/contrail-events/contrail/domain/rule"
)

// The header fields of requests and answers that are the API's own.
const (
	headerTenant      = "X-Tenant-Id"
	headerUser        = "X-User-Id"
	headerRequest     = "X-Request-Id"
	headerCorrelation = "X-Correlation-Id"
	headerKey         = "Idempotency-Key"
	headerReplayed    = "Idempotent-Replayed"
	headerPosition    = "Contrail-Position"
)

const maxCallerLength = 200 // characters of a tenant's and a user's id, as package domain has it

// secured sets what browsers are told of every answer. No other origin is allowed anything (no CORS).
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("X-Frame-Options", "DENY")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		header.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// boundHeaders refuses requests with too many bytes of header fields. The server in front bounds them, too, but can't answer with a problem.
func boundHeaders(next http.Handler, limit int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		size := len(r.RequestURI)
		for name, values := range r.Header {
			for _, value := range values {
				size += len(name) + len(value) + len(": \r\n")
			}
		}
		if size > limit {
			problem(kindHeadersTooLarge, fmt.Sprintf("the URL and the header fields have %d bytes: send %d at most", size, limit)).write(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// checkCaller looks at who calls. Whose data they are must be said once and clearly.
func checkCaller(header http.Header) *Problem {
	for _, name := range []string{headerTenant, headerUser, headerKey} {
		switch values := header.Values(name); {
		case len(values) > 1:
			return problem(kindMalformed, name+" is given more than once: give it once")
		case name == headerKey && len(values) == 1 && values[0] == "":
			return problem(kindMalformed, name+" is empty: give a key, or leave it out")
		case name == headerKey || header.Get(name) == "":
		default:
			if fault := rule.Text(name, values[0], maxCallerLength); fault != nil {
				return problem(kindMalformed, fault.Error())
			}
		}
	}
	if header.Get(headerTenant) == "" {
		return problem(kindTenant, headerTenant+" is required")
	}
	return nil
}

// joinLists makes one line of those header fields that may come as several (RFC 9110, section 5.3).
func joinLists(header http.Header) {
	for _, name := range []string{"If-Match", "If-None-Match"} {
		if values := header.Values(name); len(values) > 1 {
			header.Set(name, strings.Join(values, ", "))
		}
	}
}
