package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
)

// listen listens where the flag says, and tells where that is.
func (v *dashboardServeVerb) listen(ctx context.Context, a *app) (net.Listener, error) {
	var certificate tls.Certificate
	if v.TLSCert != "" {
		var err error
		if certificate, err = tls.LoadX509KeyPair(v.TLSCert, v.TLSKey); err != nil {
			return nil, fmt.Errorf("the certificate can't be used: %w; correct --tls-cert and --tls-key", err)
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", v.Listen)
	if err != nil {
		if failure, is := errors.AsType[*net.OpError](err); is {
			err = failure.Err // the address is told already
		}
		return nil, fmt.Errorf("listen on %s: %w; give another address with --listen", v.Listen, err)
	}
	scheme := "http"
	if v.TLSCert != "" {
		scheme = "https"
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}})
	} else if tcp, is := listener.Addr().(*net.TCPAddr); is && !tcp.IP.IsLoopback() && len(v.TrustProxy) == 0 {
		a.log.WarnContext(ctx, "passwords and tokens can be read on their way: give --tls-cert and --tls-key, or put a proxy with a certificate in front and name it with --trusted-proxy",
			slog.String("address", tcp.String()))
	}
	a.printf("dashboard on %s://%s\n", scheme, listener.Addr())
	return listener, nil
}
