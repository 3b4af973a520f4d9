package api

import (
	"fmt"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// discarded takes an answer's status and header, and none of its body.
type discarded struct {
	header http.Header
	status int
}

func (d *discarded) Header() http.Header            { return d.header }
func (d *discarded) WriteHeader(status int)         { d.status = status }
func (d *discarded) Write(text []byte) (int, error) { return len(text), nil }

// matched lets the mux route, and says itself, as a problem, what the mux would say in plain text: that there is no such route, or not for this method.
func matched(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler, pattern := mux.Handler(r)
		if pattern != "" {
			nameSpan(r, pattern)
			mux.ServeHTTP(w, r)
			return
		}
		said := &discarded{header: http.Header{}}
		handler.ServeHTTP(said, r)
		if said.status == http.StatusMethodNotAllowed {
			allow := said.header.Get("Allow")
			problem(kindMethod, fmt.Sprintf("%s is not for %.100q: use %s", shown(r.Method), r.URL.Path, allow)).with("Allow", allow).write(w)
			return
		}
		problem(kindNoRoute, fmt.Sprintf("there is nothing at %.100q: see /docs for the routes", r.URL.Path)).write(w)
	})
}

// nameSpan names the request's span after the route, as otelhttp would if it stood right before the mux.
func nameSpan(r *http.Request, pattern string) {
	span := trace.SpanFromContext(r.Context())
	if span.IsRecording() {
		_, route, _ := strings.Cut(pattern, " ")
		span.SetName(pattern)
		span.SetAttributes(attribute.String("http.route", route))
	}
}

// shown is a method in a text, which may be any token of whatever length.
func shown(method string) string { return fmt.Sprintf("%.20s", method) }
