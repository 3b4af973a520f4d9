package main

import (
	"context"
	"fmt"
	"net"

	"github.com/contrail-events/contrail/internal/api"
	"github.com/contrail-events/contrail/internal/dashboard"
)

// serve serves the example's API until the demo ends, on any free port of this computer, and returns its address.
func (w *world) serve() (string, error) {
	handler, err := (&serveVerb{}).handler(w.app, w.pool)
	if err != nil {
		return "", err
	}
	listener, err := w.listen("the API")
	if err != nil {
		return "", err
	}
	server := api.NewServer(handler, api.ServerConfig{Logger: w.app.log})
	w.background(func(ctx context.Context) error { return server.Run(ctx, listener) })
	return "http://" + listener.Addr().String(), nil
}

// serveDashboard serves the dashboard likewise. Nobody has to log in: it listens to this computer alone.
func (w *world) serveDashboard() (string, error) {
	listener, err := w.listen("the dashboard")
	if err != nil {
		return "", err
	}
	s := w.servers
	board, err := dashboard.New(w.pool, w.js, dashboard.Config{
		Listen: listener.Addr().String(), Stream: s.stream, Prefix: s.prefix, DeadLetters: s.deadLetters, Logger: w.app.log,
	})
	if err != nil {
		_ = listener.Close() // nothing was served
		return "", err
	}
	w.background(func(ctx context.Context) error { return board.Serve(ctx, listener) })
	return "http://" + listener.Addr().String(), nil
}

func (w *world) listen(what string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(w.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("serve %s: %w", what, err)
	}
	return listener, nil
}
