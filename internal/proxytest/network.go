package proxytest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/stream"
)

// network is what connections pass: a chain of toxics for each direction.
type network struct {
	server *toxiproxy.ApiServer // serves nothing: toxiproxy's parts ask it whether to keep metrics
	toxics *toxiproxy.ToxicCollection
	names  []string     // of the toxics, in the order in which they came
	resets atomic.Int32 // how many of them end connections by a reset

	// changing lets a toxic come or go, or a link start, one at a time. A link with one direction alone would be a trap: its
	// upstream blocks, with nobody to read what it sends back, and a toxic waits for the chain to move.
	changing sync.Mutex
}

// newNetwork makes a network without toxics. toxiproxy's proxy never listens: accept does.
func newNetwork(server *toxiproxy.ApiServer) *network {
	return &network{server: server, toxics: toxiproxy.NewProxy(server, "", "", "").Toxics}
}

// start lets both directions of a link flow. toxiproxy wants a name for each, which nobody else uses.
func (n *network) start(l *link) {
	n.changing.Lock()
	defer n.changing.Unlock()
	name := l.client.RemoteAddr().String()
	n.toxics.StartLink(n.server, name+towardsUpstream, l.client, &outlet{Conn: l.upstream, link: l}, stream.Upstream)
	n.toxics.StartLink(n.server, name+towardsDownstream, l.upstream, &outlet{Conn: l.client, link: l}, stream.Downstream)
}

func (n *network) add(toxic Toxic) error {
	n.changing.Lock()
	defer n.changing.Unlock()
	if toxic.kind == kindReset {
		n.resets.Add(1)
	}
	for _, direction := range toxic.directions {
		name := rand.Text()
		definition, err := json.Marshal(map[string]any{
			"name": name, "type": toxic.kind, "stream": direction, "attributes": toxic.attributes,
		})
		if err != nil {
			return err //nolint:wrapcheck // strings and integers always marshal
		}
		if _, err := n.toxics.AddToxicJson(bytes.NewReader(definition)); err != nil {
			return err //nolint:wrapcheck // fails the test, which shows where
		}
		n.names = append(n.names, name)
	}
	return nil
}

// removeAll removes the last toxic first. In another order a link that one of them has ended would have more toxics than it should, for a
// moment, and toxiproxy panics when one comes in this moment.
func (n *network) removeAll(ctx context.Context) error {
	n.changing.Lock()
	defer n.changing.Unlock()
	for _, name := range slices.Backward(n.names) {
		if err := n.toxics.RemoveToxic(ctx, name); err != nil {
			return err //nolint:wrapcheck // likewise
		}
	}
	n.names = nil
	n.resets.Store(0)
	return nil
}
