package api

import (
	"fmt"
	"net/http"
)

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
