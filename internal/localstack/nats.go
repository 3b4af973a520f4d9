package localstack

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	portPatience = 5 * time.Second
	portPause    = 50 * time.Millisecond
)

// NATSConfig says where and how to run nats-server. The zero value is a temporary store that is fast and not durable.
type NATSConfig struct {
	// Dir is the folder of the JetStream store: made if it does not exist, refused if it holds anything else, kept by Close and used
	// again by the next start. Default "": a temporary folder, which Close removes.
	Dir string

	// Durable makes an acknowledged message survive a crash of the machine: the store is synced at every write, which costs most of its
	// speed. A crash of this program it survives anyway. Default false: synced every two minutes.
	Durable bool

	// Options changes the server's options after this package has set them. Host, port and store folder can't be changed. Default: none.
	Options func(*server.Options)

	// Logger gets what nats-server prints, at debug, and a line at info when it starts and stops. Default: none.
	Logger *slog.Logger

	choosePort func() (int, error) // for tests; default freePort
}

// NATS is a nats-server that runs inside this process, with JetStream. Its methods may be called from several goroutines.
type NATS struct {
	config NATSConfig
	folder *folder
	logger *slog.Logger
	port   int

	mu     sync.Mutex     // guards what follows, and lets one start or stop happen at a time
	server *server.Server // nil when it is not running
	closed bool
}

const natsReady = 30 * time.Second // a large store takes its time to be read

// StartNATS runs a server and returns when it takes connections. The error wraps [ErrInUse] or [ErrNotOurs] where the fault is the
// folder's.
func StartNATS(config NATSConfig) (*NATS, error) {
	n := &NATS{config: config, logger: orDiscard(config.Logger)}
	if err := n.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("start NATS: %w", err), n.Close())
	}
	return n, nil
}

// open does the first start, which chooses the port.
func (n *NATS) open() error {
	var err error
	if n.folder, err = openFolder(n.config.Dir, "nats", nil); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for range portAttempts {
		if n.port, err = orFree(n.config.choosePort)(); err != nil {
			return err
		}
		if err = n.run(); !errors.Is(err, errPortTaken) {
			return err
		}
	}
	return err
}

// options are made anew for each start, because the server writes into them.
func (n *NATS) options() *server.Options {
	options := &server.Options{JetStream: true, SyncAlways: n.config.Durable, NoSigs: true, ServerName: "contrail-local"}
	if n.config.Options != nil {
		n.config.Options(options)
	}
	options.Host, options.Port, options.StoreDir = loopback, n.port, n.folder.path
	return options
}

// run starts a server; otherwise none is left. The caller holds mu.
func (n *NATS) run() error {
	running, err := server.NewServer(n.options())
	if err != nil {
		return err //nolint:wrapcheck // about the options, and says it all
	}
	lines := &natsLog{logger: n.logger}
	running.SetLoggerV2(lines, false, false, false)
	running.Start()
	fault := lines.fault()
	if fault == "" && running.ReadyForConnections(natsReady) {
		n.server = running
		n.logger.Info("nats started", slog.Int("port", n.port), slog.String("folder", n.folder.path))
		return nil
	}
	running.Shutdown()
	running.WaitForShutdown()
	switch {
	case fault == "":
		return fmt.Errorf("not ready after %s", natsReady)
	case strings.Contains(fault, "address already in use"):
		return fmt.Errorf("%w: %s", errPortTaken, fault)
	}
	return errors.New(fault)
}

// URL is the server's address. It stays the same over [NATS.Restart].
func (n *NATS) URL() string { return "nats://" + net.JoinHostPort(loopback, strconv.Itoa(n.port)) }

// Stop ends the server in order. It does nothing when the server is not running.
func (n *NATS) Stop() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return fmt.Errorf("stop NATS: %w", ErrClosed)
	}
	n.halt()
	return nil
}

// Restart starts the server again on the same port, with the same store; a running one is stopped first. Somebody who has the port meanwhile may
// only be looking for a free one: that is waited for, for some seconds. When it fails the server is
// not running, and Restart may be tried again.
func (n *NATS) Restart() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return fmt.Errorf("restart NATS: %w", ErrClosed)
	}
	n.halt()
	for until := time.Now().Add(portPatience); ; {
		switch err := n.run(); {
		case err == nil:
			return nil
		case !errors.Is(err, errPortTaken) || time.Now().After(until):
			return fmt.Errorf("restart NATS on port %d: %w", n.port, err)
		}
		<-time.After(portPause)
	}
}

// Close stops the server and removes its folder if that is temporary. A second Close, and one of a nil NATS, does nothing.
func (n *NATS) Close() error {
	if n == nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || n.folder == nil {
		return nil
	}
	n.closed = true
	n.halt()
	if err := n.folder.close(); err != nil {
		return fmt.Errorf("close NATS: %w", err)
	}
	return nil
}

// halt ends the server, if there is one, and returns when it has ended. The caller holds mu.
func (n *NATS) halt() {
	if n.server == nil {
		return
	}
	n.server.Shutdown()
	n.server.WaitForShutdown()
	n.server = nil
	n.logger.Info("nats stopped", slog.Int("port", n.port))
}
