package api

import (
	"context"
	"net/http"
	"time"
)

// bounded ends the work on a request after so long. What was begun in the database is rolled back then.
func bounded(next http.Handler, limit time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
