package natstest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/localstack"
)

const (
	loopback = "127.0.0.1"
	patience = 60 * time.Second       // for a leader: an election takes up to nine seconds, and machines are slow at times
	glance   = 50 * time.Millisecond  // between two looks at the cluster
	answer   = 500 * time.Millisecond // for the answer to one question: who does not lead does not answer at all
	attempts = 3                      // to start a cluster, each on other ports
)

// Servers is a cluster of nats-servers with JetStream, each with a store of its own, connected by routes on the loopback device. Its methods fail the
// test where something goes wrong, and belong into the test's own goroutine; those that only ask may be called from several.
type Servers struct {
	tb    testing.TB
	nodes []*localstack.NATS
	js    jetstream.JetStream // to ask with
}

// Cluster runs a cluster of so many nodes for the length of the test. It returns when streams of as many replicas can be made.
func Cluster(tb testing.TB, size int) *Servers {
	tb.Helper()
	c := &Servers{tb: tb}
	var err error
	for range attempts {
		if c.nodes, err = startNodes(freePorts(tb, size)); err == nil {
			break
		}
	}
	require.NoError(tb, err)
	tb.Cleanup(func() {
		if err := closeNodes(c.nodes); err != nil {
			tb.Errorf("close the test's NATS cluster: %v", err)
		}
	})
	c.js = c.JetStream(tb)
	c.awaitReady(tb.Context())
	return c
}

// startNodes starts a node on each of the ports for routes, or none.
func startNodes(ports []int) (nodes []*localstack.NATS, err error) {
	routes := make([]*url.URL, 0, len(ports))
	for _, port := range ports {
		routes = append(routes, &url.URL{Scheme: "nats", Host: net.JoinHostPort(loopback, strconv.Itoa(port))})
	}
	for i, port := range ports {
		node, err := localstack.StartNATS(localstack.NATSConfig{Options: func(options *server.Options) {
			options.ServerName = nodeName(i)
			options.Cluster = server.ClusterOpts{Name: "contrail", Host: loopback, Port: port}
			options.Routes = slices.Clone(routes)
		}})
		if err != nil {
			_ = closeNodes(nodes)
			return nil, fmt.Errorf("start node %d: %w", i, err)
		}
		nodes = append(nodes, node)
	}
	return nodes, nil
}

func nodeName(i int) string { return "node-" + strconv.Itoa(i) }

// closeNodes closes all nodes at once: the last one would wait for the others.
func closeNodes(nodes []*localstack.NATS) error {
	closed := make(chan error)
	for _, node := range nodes {
		go func() { closed <- node.Close() }()
	}
	var first error
	for range nodes {
		if err := <-closed; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// URLs are the nodes' addresses. They stay the same.
func (c *Servers) URLs() []string {
	urls := make([]string, 0, len(c.nodes))
	for _, node := range c.nodes {
		urls = append(urls, node.URL())
	}
	return urls
}

// JetStream connects to the cluster for the length of a test, to one node and, when that is away, to another.
func (c *Servers) JetStream(tb testing.TB) jetstream.JetStream {
	tb.Helper()
	js, err := jetstream.New(Connect(tb, strings.Join(c.URLs(), ",")))
	require.NoError(tb, err)
	return js
}

// Kill ends a node. It is as sudden as it can be inside a process: clients and routes are cut, and nobody is told before; yet the node steps
// down from what it leads, so that the others need not wait for an election.
func (c *Servers) Kill(i int) {
	c.tb.Helper()
	require.NoError(c.tb, c.nodes[i].Stop())
}

// Restart starts a node again, with the same store and the same ports. It returns when the node takes connections; see [Servers.Await].
func (c *Servers) Restart(i int) {
	c.tb.Helper()
	require.NoError(c.tb, c.nodes[i].Restart())
}

// StepDown makes the leader of a stream step down, for another to be elected.
func (c *Servers) StepDown(stream string) error {
	var response struct {
		Error *jetstream.APIError `json:"error"`
	}
	if err := c.ask("STREAM.LEADER.STEPDOWN."+stream, 10*answer, &response); err != nil {
		return err
	}
	if response.Error != nil {
		return fmt.Errorf("step down as leader of stream %s: %w", stream, response.Error)
	}
	return nil
}

// Leader is the node that leads a stream, -1 when there is none, or none that can be asked.
func (c *Servers) Leader(stream string) int {
	info := c.info(stream)
	if info == nil {
		return -1
	}
	return c.index(info.Leader)
}

// ConnectedTo is the node that a connection is connected to, -1 for none.
func (c *Servers) ConnectedTo(conn *nats.Conn) int { return c.index(conn.ConnectedServerName()) }

func (c *Servers) index(name string) int {
	for i := range c.nodes {
		if nodeName(i) == name {
			return i
		}
	}
	return -1
}

// Await waits until a stream has a leader, and all its replicas are there and have everything. It returns the leader.
func (c *Servers) Await(stream string) int {
	c.tb.Helper()
	leader := -1
	require.Eventually(c.tb, func() bool {
		info := c.info(stream)
		if info == nil || slices.ContainsFunc(info.Replicas, func(peer peer) bool { return !peer.Current || peer.Offline }) {
			return false
		}
		leader = c.index(info.Leader)
		return leader >= 0
	}, patience, glance)
	return leader
}

// peer and placement are what a stream's leader tells of its replicas.
type (
	peer struct {
		Current bool `json:"current"`
		Offline bool `json:"offline"`
	}
	placement struct {
		Leader   string `json:"leader"`
		Replicas []peer `json:"replicas"`
	}
)

// info is nil when nobody answers.
func (c *Servers) info(stream string) *placement {
	var response struct {
		Cluster *placement `json:"cluster"`
	}
	if err := c.ask("STREAM.INFO."+stream, answer, &response); err != nil {
		return nil
	}
	return response.Cluster
}

func (c *Servers) ask(subject string, limit time.Duration, response any) error {
	reply, err := c.js.Conn().Request(jetstream.DefaultAPIPrefix+subject, nil, limit)
	if err != nil {
		return fmt.Errorf("ask the cluster: %w", err)
	}
	if err := json.Unmarshal(reply.Data, response); err != nil {
		return fmt.Errorf("ask the cluster: %w", err)
	}
	return nil
}

// awaitReady makes a stream and deletes it: the meta leader has to know all nodes for that, and the nodes one another.
func (c *Servers) awaitReady(ctx context.Context) {
	c.tb.Helper()
	const probe = "PROBE"
	require.Eventually(c.tb, func() bool {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		_, err := c.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: probe, Subjects: []string{"probe"}, Replicas: len(c.nodes)})
		return err == nil
	}, patience, glance)
	c.Await(probe)
	require.Eventually(c.tb, func() bool {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		err := c.js.DeleteStream(ctx, probe)
		return err == nil || errors.Is(err, jetstream.ErrStreamNotFound) // an answer may be lost
	}, patience, glance)
}
