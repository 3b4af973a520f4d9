package api

import (
	"fmt"
	"net/http"
)

// waiting bounds those of the requests that may wait for a read model, which are many and long at work when one stands still: the others get through.
func waiting(next http.Handler, most int) http.Handler {
	limited := limit(next, most)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("at_least") {
			limited.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// limit serves so many requests at a time and refuses more: a queue would only make all of them late.
func limit(next http.Handler, most int) http.Handler {
	slots := make(chan struct{}, most)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
			next.ServeHTTP(w, r)
		default:
			problem(kindBusy, fmt.Sprintf("%d requests are at work, and no more are taken: try again later", most)).write(w)
		}
	})
}
