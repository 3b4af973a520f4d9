package proxytest

import (
	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/rs/zerolog"
)

const (
	kindLimit   = "draining_limit_data"
	kindReset   = "draining_reset_peer"
	kindTimeout = "draining_timeout"
)

// registerToxics makes toxiproxy know the toxics of this file, and keeps it from printing. It does no harm twice.
func registerToxics() {
	zerolog.SetGlobalLevel(zerolog.Disabled)
	toxics.Register(kindLimit, new(limitData))
	toxics.Register(kindReset, new(resetPeer))
	toxics.Register(kindTimeout, new(timeout))
}

// The toxics that close a connection leave the chain before them standing. These ones are the same, and swallow what still comes.
type (
	limitData struct{ toxics.LimitDataToxic }
	resetPeer struct{ toxics.ResetToxic }
	timeout   struct{ toxics.TimeoutToxic }
)

// Pipe returns when it is interrupted or the source has ended.
func (t *limitData) Pipe(stub *toxics.ToxicStub) { t.LimitDataToxic.Pipe(stub); drainClosed(stub) }

// Pipe returns when it is interrupted or the source has ended.
func (t *resetPeer) Pipe(stub *toxics.ToxicStub) { t.ResetToxic.Pipe(stub); drainClosed(stub) }

// Pipe returns when it is interrupted or the source has ended.
func (t *timeout) Pipe(stub *toxics.ToxicStub) { t.TimeoutToxic.Pipe(stub); drainClosed(stub) }

// Cleanup ends the connection: what was lost on it would be missing.
func (t *timeout) Cleanup(stub *toxics.ToxicStub) {
	t.TimeoutToxic.Cleanup(stub)
	go drainClosed(stub) // ends with the connection, which the closed stub ends
}

// drainClosed swallows what comes behind a toxic that has closed its stub, until the source has ended.
func drainClosed(stub *toxics.ToxicStub) {
	if !stub.Closed() {
		return
	}
	for range stub.Input {
		continue
	}
}
