package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

const readyTimeout = 2 * time.Second

// isProbe tells the requests of whoever watches over the process. They are served also while all others are refused.
func isProbe(r *http.Request) bool { return r.URL.Path == "/healthz" || r.URL.Path == "/readyz" }

// serveHealth serves /healthz, which says that the process answers, and /readyz, which says that it can do its work.
func (a *API) serveHealth(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { well(w) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		if err := a.config.Ready(ctx); err != nil {
			a.config.Logger.WarnContext(ctx, "not ready", slog.Any("error", err))
			problem(kindUnavailable, "the database can't be reached, or is not migrated: the log says more").write(w)
			return
		}
		well(w)
	})
}

func well(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"status":"ok"}` + "\n")) // the client may be gone
}
