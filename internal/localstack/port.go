package localstack

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"net"
	"syscall"
)

const (
	loopback     = "127.0.0.1"
	portAttempts = 5 // starts, each on another port, before a port clash becomes an error
)

// freePort picks a random port on which nothing listens. It keeps below the ports that Linux (from 32768) and macOS (from 49152) give
// to outgoing connections: a server that restarts must find its port free again.
func freePort() (int, error) {
	const lowest, count, tries = 20_000, 12_000, 100
	for range tries {
		offset, err := rand.Int(rand.Reader, big.NewInt(count))
		if err != nil {
			return 0, fmt.Errorf("choose a port: %w", err)
		}
		port := lowest + int(offset.Int64())
		listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.ParseIP(loopback), Port: port})
		switch {
		case err == nil:
			return port, listener.Close() //nolint:wrapcheck // closing an unused listener says it all in its own words
		case !errors.Is(err, syscall.EADDRINUSE):
			return 0, fmt.Errorf("choose a port: %w", err)
		}
	}
	return 0, fmt.Errorf("no free port found in %d tries between %d and %d", tries, lowest, lowest+count)
}

// orFree is freePort unless a test has another choice.
func orFree(choose func() (int, error)) func() (int, error) {
	if choose == nil {
		return freePort
	}
	return choose
}
