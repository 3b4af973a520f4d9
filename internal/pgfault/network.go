package pgfault

import (
	"context"
	"fmt"
	"net"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Network counts the round trips of all connections that are dialled through it, and strikes. It may be used from several goroutines.
type Network struct {
	mu     sync.Mutex
	faults map[int]Fault
	trips  []string // their statements
	struck int
}

// New returns a network with these faults, one for a trip at most. A second fault counts on: the trips that the program makes because of the first one are
// counted, too.
func New(faults ...Fault) *Network {
	n := &Network{faults: make(map[int]Fault, len(faults))}
	for _, fault := range faults {
		n.faults[fault.Trip] = fault
	}
	return n
}

// Open returns a pool of at most ten connections to url through a network with these faults. The caller closes it.
func Open(ctx context.Context, url string, faults ...Fault) (*pgxpool.Pool, *Network, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, nil, fmt.Errorf("pool: %w", err)
	}
	network := New(faults...)
	config.MaxConns, config.MinConns = 10, 0
	config.ConnConfig.DialFunc = network.Dial(config.ConnConfig.DialFunc)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, nil, fmt.Errorf("pool: %w", err)
	}
	return pool, network, nil
}

// Dial returns a dial function for pgx that dials with next. The server must be spoken to without TLS.
func (n *Network) Dial(next pgconn.DialFunc) pgconn.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled, err := next(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &conn{Conn: dialled, network: n}, nil
	}
}

// Trips is how many round trips have begun.
func (n *Network) Trips() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.trips)
}

// Statements returns what each trip has asked for, the first one first: the text of its statements, or the name of one that it can't know.
func (n *Network) Statements() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.trips...)
}

// Struck is how many faults have broken a connection.
func (n *Network) Struck() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.struck
}

// begin counts a trip, and returns its number and its fault, if it has one.
func (n *Network) begin() (int, *Fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.trips = append(n.trips, "")
	if fault, found := n.faults[len(n.trips)]; found {
		return len(n.trips), &fault
	}
	return len(n.trips), nil
}

// note adds a statement to what a trip has asked for.
func (n *Network) note(trip int, statement string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if text := &n.trips[trip-1]; *text == "" {
		*text = statement
	} else {
		*text += "; " + statement
	}
}

// strike tells that a fault is about to break its connection.
func (n *Network) strike(fault Fault) {
	n.mu.Lock()
	n.struck++
	n.mu.Unlock()
	if fault.Kill != nil {
		fault.Kill()
	}
}
