package main

import (
	"context"
	"fmt"
	"net"

	"github.com/contrail-events/contrail/internal/api"
)

// serve serves the example's API until the demo ends, on any free port of this computer, and returns its address.
func (w *world) serve() (string, error) {
	handler, err := (&serveVerb{}).handler(w.app, w.pool)
	if err != nil {
		return "", err
	}
	listener, err := (&net.ListenConfig{}).Listen(w.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("serve the API: %w", err)
	}
	server := api.NewServer(handler, api.ServerConfig{Logger: w.app.log})
	w.background(func(ctx context.Context) error { return server.Run(ctx, listener) })
	return "http://" + listener.Addr().String(), nil
}
