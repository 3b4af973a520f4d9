package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// openJetStream connects to the given NATS servers and makes sure that there is JetStream. The connection comes back by itself for as long as
// the verb runs; close ends it.
func (a *app) openJetStream(ctx context.Context, broker brokerFlags) (js jetstream.JetStream, closeNATS func(), err error) {
	if err := broker.checkBroker(); err != nil {
		return nil, nil, err
	}
	return a.openJetStreamAt(ctx, broker.NATSURL)
}

func (a *app) openJetStreamAt(ctx context.Context, address string) (jetstream.JetStream, func(), error) {
	hosts, err := natsHosts(address)
	if err != nil {
		return nil, nil, err
	}
	closed := make(chan struct{})
	conn, err := connectNATS(ctx, address, a.natsOptions(ctx, closed))
	switch {
	case errors.Is(err, errInterrupted):
		return nil, nil, err
	case err != nil:
		return nil, nil, fmt.Errorf("NATS at %s can't be used: %w; start it, or correct NATS_URL", hosts, natsReason(err))
	}
	closeNATS := func() {
		conn.Close()
		<-closed // its goroutines are over, too
	}
	js, err := jetstream.New(conn)
	if err == nil {
		err = a.inTime(ctx, func(ctx context.Context) error {
			_, err := js.AccountInfo(ctx)
			return err //nolint:wrapcheck // explained below
		})
	}
	if err != nil {
		closeNATS()
		return nil, nil, jetStreamReason(hosts, err)
	}
	return js, closeNATS, nil
}

// connectNATS connects, or returns as soon as ctx ends: the library's own waits for a server that does not answer.
func connectNATS(ctx context.Context, address string, options []nats.Option) (*nats.Conn, error) {
	type outcome struct {
		conn *nats.Conn
		err  error
	}
	ended := make(chan outcome, 1)
	go func() {
		conn, err := nats.Connect(address, options...)
		ended <- outcome{conn, err}
	}()
	select {
	case result := <-ended:
		return result.conn, result.err
	case <-ctx.Done():
		go func() {
			if late := <-ended; late.err == nil {
				late.conn.Close()
			}
		}()
		return nil, context.Cause(ctx) //nolint:wrapcheck // the signal
	}
}

func (a *app) natsOptions(ctx context.Context, closed chan struct{}) []nats.Option {
	return []nats.Option{
		nats.Name("contrail " + a.verb), nats.Timeout(a.ConnectTimeout), nats.MaxReconnects(-1), nats.ReconnectWait(time.Second / 2),
		nats.ClosedHandler(func(*nats.Conn) { close(closed) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				a.log.WarnContext(ctx, "the connection to NATS is lost and will come back", slog.Any("error", err))
			}
		}),
		nats.ReconnectHandler(func(conn *nats.Conn) {
			a.log.InfoContext(ctx, "the connection to NATS is back", slog.String("server", conn.ConnectedAddr()))
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			a.log.WarnContext(ctx, "NATS reports an error", slog.Any("error", err))
		}),
	}
}

// natsHosts checks the URLs and returns them without users and passwords.
func natsHosts(addresses string) (string, error) {
	var hosts []string
	for address := range strings.SplitSeq(addresses, ",") {
		address = strings.TrimSpace(address)
		if !strings.Contains(address, "://") {
			address = "nats://" + address
		}
		parsed, err := url.Parse(address)
		reason := ""
		switch {
		case err != nil:
			reason = parseReason(err)
		case !slices.Contains([]string{"nats", "tls", "ws", "wss"}, parsed.Scheme):
			reason = "it begins with " + parsed.Scheme + "://"
		case parsed.Hostname() == "":
			reason = "it names no host"
		}
		if reason != "" {
			return "", fmt.Errorf("the NATS URL is wrong (%s); write it as nats://host:4222", reason)
		}
		hosts = append(hosts, parsed.Host)
	}
	return strings.Join(hosts, ", "), nil
}

func natsReason(err error) error {
	if errors.Is(err, nats.ErrNoServers) {
		return errors.New("no server answers there")
	}
	if failure, ok := errors.AsType[*net.OpError](err); ok {
		return failure.Err // the caller tells whose address it is
	}
	return errors.New(strings.TrimPrefix(err.Error(), "nats: "))
}

func jetStreamReason(hosts string, err error) error {
	if errors.Is(err, jetstream.ErrJetStreamNotEnabled) || errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount) {
		return fmt.Errorf("NATS at %s has no JetStream; start nats-server with -js, or enable it for the account", hosts)
	}
	return fmt.Errorf("JetStream of NATS at %s can't be used: %w; look at the server's log", hosts, err)
}
