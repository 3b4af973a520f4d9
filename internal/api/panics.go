package api

import (
	"log/slog"
	"net/http"
	"runtime/debug"
)

// answered notes whether an answer was begun, and its status.
type answered struct {
	http.ResponseWriter

	status int
}

// WriteHeader begins the answer.
func (a *answered) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write begins the answer if nothing did before.
func (a *answered) Write(text []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(text) //nolint:wrapcheck // it is the connection's
}

// Unwrap is for http.ResponseController.
func (a *answered) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// recovered answers a panic with a problem that tells nothing of it, where no answer was begun, and logs it with its stack.
func recovered(next http.Handler, logger *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, answer := r.Context(), &answered{ResponseWriter: w}
		defer func() {
			caught := recover()
			if caught == nil {
				return
			}
			if caught == http.ErrAbortHandler { //nolint:errorlint,err113 // net/http compares it so
				panic(caught)
			}
			logger.ErrorContext(ctx, "a request panicked", slog.Any("panic", caught), slog.String("method", r.Method),
				slog.String("path", r.URL.Path), slog.String("correlation_id", correlationOf(ctx)), slog.String("stack", string(debug.Stack())))
			if answer.status != 0 {
				panic(http.ErrAbortHandler) // the client must not take half an answer for a whole one
			}
			internal(ctx).write(w)
		}()
		next.ServeHTTP(answer, r)
	})
}
