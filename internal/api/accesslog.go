package api

import (
	"log/slog"
	"net/http"
	"time"
)

// logged writes a line at debug for every request.
func logged(next http.Handler, logger *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !logger.Enabled(r.Context(), slog.LevelDebug) {
			next.ServeHTTP(w, r)
			return
		}
		ctx, began, answer := r.Context(), time.Now(), &answered{ResponseWriter: w}
		defer func() {
			logger.DebugContext(ctx, "request", slog.String("method", r.Method), slog.String("path", r.URL.Path),
				slog.Int("status", answer.status), slog.Duration("took", time.Since(began)),
				slog.String("correlation_id", w.Header().Get(headerCorrelation)))
		}()
		next.ServeHTTP(answer, r)
	})
}
