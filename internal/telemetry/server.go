package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// The paths of the listener.
const (
	PathMetrics = "/metrics"
	PathLive    = "/healthz"
	PathReady   = "/readyz"
)

// server is the listener of a process.
type server struct {
	listener net.Listener
	http     *http.Server
	ended    chan struct{}
}

// listen serves until shutdown.
func listen(ctx context.Context, t *Telemetry) (*server, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", t.config.Listen)
	if err != nil {
		if failure, is := errors.AsType[*net.OpError](err); is {
			err = failure.Err // the address is told already
		}
		return nil, fmt.Errorf("serve telemetry on %s: %w; give another address with --telemetry", t.config.Listen, err)
	}
	s := &server{
		listener: listener, ended: make(chan struct{}),
		http: &http.Server{
			Handler: t.handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
			MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(t.config.Logger.Handler(), slog.LevelDebug),
		},
	}
	go func() {
		defer close(s.ended)
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			t.config.Logger.ErrorContext(ctx, "telemetry is no longer served", slog.Any("error", err))
		}
	}()
	t.config.Logger.InfoContext(ctx, "telemetry is served", slog.String("address", "http://"+listener.Addr().String()))
	return s, nil
}

// shutdown lets a scrape that is under way end, until ctx does.
func (s *server) shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.ended
	return err
}

func (t *Telemetry) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+PathMetrics, promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4, EnableOpenMetrics: true,
		ErrorLog: slog.NewLogLogger(t.config.Logger.Handler(), slog.LevelWarn),
	}))
	mux.HandleFunc("GET "+PathLive, func(w http.ResponseWriter, r *http.Request) { answer(w, t.health.Live(r.Context())) })
	mux.HandleFunc("GET "+PathReady, func(w http.ResponseWriter, r *http.Request) { answer(w, t.health.Readiness(r.Context())) })
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = fmt.Fprintf(w, "%s\n%s\n%s\n", PathMetrics, PathLive, PathReady) // the client may be gone
	})
	return mux
}

func answer(w http.ResponseWriter, report Report) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !report.OK() {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(report) //nolint:errchkjson // times are of this century, and the client may be gone
}
