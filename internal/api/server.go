package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Defaults of a ServerConfig.
const (
	DefaultHeaderTimeout = 5 * time.Second
	DefaultReadTimeout   = 20 * time.Second
	DefaultWriteTimeout  = 30 * time.Second
	DefaultIdleTimeout   = 2 * time.Minute
	DefaultDrainTimeout  = 30 * time.Second
)

// ServerConfig bounds what connections may take. The zero value works.
type ServerConfig struct {
	HeaderTimeout time.Duration // for a request's header fields to arrive; 0: DefaultHeaderTimeout
	ReadTimeout   time.Duration // for a request to arrive, body included; the API lifts it once it has the body; 0: DefaultReadTimeout
	WriteTimeout  time.Duration // from then on until the answer is written; longer than the API's RequestTimeout; 0: DefaultWriteTimeout
	IdleTimeout   time.Duration // between requests; 0: DefaultIdleTimeout
	DrainTimeout  time.Duration // for the requests at work, when the server ends; 0: DefaultDrainTimeout

	MaxHeaderBytes int          // of header fields, beyond which the connection is closed; 0: 64 KiB, twice what the API refuses with a problem
	Logger         *slog.Logger // takes what goes wrong with connections; nil: nothing is logged
}

// Server serves a handler over HTTP/1.1.
type Server struct {
	server *http.Server
	drain  time.Duration
	logger *slog.Logger
}

// NewServer returns a server for one [Server.Run].
func NewServer(handler http.Handler, config ServerConfig) *Server {
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	return &Server{
		server: &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: orDefault(config.HeaderTimeout, DefaultHeaderTimeout),
			ReadTimeout:       orDefault(config.ReadTimeout, DefaultReadTimeout),
			WriteTimeout:      orDefault(config.WriteTimeout, DefaultWriteTimeout),
			IdleTimeout:       orDefault(config.IdleTimeout, DefaultIdleTimeout),
			MaxHeaderBytes:    orDefault(config.MaxHeaderBytes, 2*DefaultMaxHeaderBytes),
			ErrorLog:          slog.NewLogLogger(config.Logger.Handler(), slog.LevelDebug), // of what clients do wrong
		},
		drain:  orDefault(config.DrainTimeout, DefaultDrainTimeout),
		logger: config.Logger,
	}
}

// Run serves on a listener, which it closes, until ctx ends; then it takes no more connections and returns when the requests at work are answered,
// or after DrainTimeout, when it cuts off those that are not, which is an error.
func (s *Server) Run(ctx context.Context, listener net.Listener) error {
	// What ends ctx must not end the requests at work.
	s.server.BaseContext = func(net.Listener) context.Context { return context.WithoutCancel(ctx) }
	failed := make(chan error, 1)
	go func() { failed <- s.server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	s.logger.InfoContext(ctx, "draining", slog.Duration("for_at_most", s.drain))
	patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.drain)
	defer cancel()
	err := s.server.Shutdown(patient)
	if errors.Is(err, context.DeadlineExceeded) {
		_ = s.server.Close() // its connections are cut off, which is what is told
		err = fmt.Errorf("requests were still at work after %s, and were cut off: raise the drain timeout", s.drain)
	}
	if ended := <-failed; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}
