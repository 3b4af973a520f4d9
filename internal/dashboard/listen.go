package dashboard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	headerTime  = 5 * time.Second
	idleTime    = 2 * time.Minute // of a connection
	drainTime   = 10 * time.Second
	mostHeaders = 64 << 10 // bytes
)

// Serve serves the dashboard on a listener, which it closes, and reads the figures that the pages show, until ctx ends. Then live pages end at once, other
// requests have ten seconds to be answered, and actions end as Run tells. Call it once, and not together with Run.
func (d *Dashboard) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler: d.handler, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: mostHeaders,
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) }, // requests at work are let finish
		ErrorLog:    slog.NewLogLogger(d.config.Logger.Handler(), slog.LevelDebug),            // of what clients do wrong
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return d.Run(ctx) })
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve on %s: %w", listener.Addr(), err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		d.end()
		patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		if err := server.Shutdown(patient); err != nil {
			_ = server.Close() // its connections are cut off, which is what is told
			return fmt.Errorf("requests were still at work after %s, and were cut off", drainTime)
		}
		return nil
	})
	return group.Wait() //nolint:wrapcheck // each names itself
}
