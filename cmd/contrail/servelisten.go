package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
)

// listen listens where the flag says, and tells where that is.
func (v *serveVerb) listen(ctx context.Context, a *app) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", v.Listen)
	if err != nil {
		if failure, is := errors.AsType[*net.OpError](err); is {
			err = failure.Err // the address is told already
		}
		return nil, fmt.Errorf("listen on %s: %w; give another address with --listen", v.Listen, err)
	}
	if tcp, is := listener.Addr().(*net.TCPAddr); is && !tcp.IP.IsLoopback() {
		a.log.WarnContext(ctx, "whoever reaches this address is believed whose data a request is about: see to it that only a gateway does",
			slog.String("address", tcp.String()))
	}
	a.printf("listening on http://%s\n", listener.Addr())
	return listener, nil
}
