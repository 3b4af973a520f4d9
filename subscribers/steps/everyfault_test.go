package steps_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/pgfault"
	"github.com/contrail-events/contrail/internal/pgtest"
)

const (
	faultPatience      = 60 * time.Second
	faultChildVariable = "STEPS_FAULT_CHILD"
)

// trips runs a flow without a fault, twice, and returns what its round trips ask for.
func (w *faultWorld) trips(t *testing.T, flow faultFlow) []string {
	t.Helper()
	var trips [2][]string
	for i := range trips {
		key := fmt.Sprint("no fault ", i)
		pool, network, err := pgfault.Open(t.Context(), w.url)
		require.NoError(t, err)
		result, err := w.complete(t.Context(), pool, key, flow)
		pool.Close()
		w.verify(t, key, flow, err)
		require.Equal(t, flow.result, string(result))
		trips[i] = network.Statements()
	}
	require.Len(t, trips[1], len(trips[0]), "the same run makes the same round trips: %v", trips)
	require.Greater(t, len(trips[0]), 2*len(flow.succeed), "fewer can't be all that these steps do")
	return trips[0]
}

// survive runs a flow through faults, and requires that it has taken its course for all that.
func (w *faultWorld) survive(t *testing.T, flow faultFlow, trips []string, faults ...pgfault.Fault) {
	t.Helper()
	first := faults[0]
	key := fmt.Sprint(faults)
	pool, network, err := pgfault.Open(context.WithoutCancel(t.Context()), w.url, faults...)
	require.NoError(t, err)
	defer pool.Close()
	result, err := w.complete(t.Context(), pool, key, flow)
	t.Log("broken:", trips[first.Trip-1])
	require.GreaterOrEqual(t, network.Struck(), 1)
	w.verify(t, key, flow, err)
	require.Equal(t, flow.result, string(result))

	again, errAgain := w.complete(t.Context(), w.pool, key, flow)
	require.Equal(t, err, errAgain, "what has ended ends the same way each time")
	require.Equal(t, string(result), string(again))
	w.verify(t, key, flow, errAgain)
}

// everyFlow calls do for each workflow, by way of each of PostgreSQL's protocols: without prepared statements, as behind a pooler, pgx makes other round trips, and
// says less of a connection that breaks.
func everyFlow(t *testing.T, do func(t *testing.T, w *faultWorld, flow faultFlow)) {
	t.Helper()
	for _, flow := range faultFlows() {
		for _, mode := range []string{"cache_statement", "simple_protocol"} {
			t.Run(flow.name+"/"+mode, func(t *testing.T) {
				t.Parallel()
				do(t, newFaultWorld(t, pgtest.NewURL(t)+"&default_query_exec_mode="+mode), flow)
			})
		}
	}
}

// A fault at every statement: whatever breaks, and on whichever side of it, there is one run, it ends as it should, each of its steps has
// succeeded once, and each effect is there once.
func TestEveryFault(t *testing.T) {
	t.Parallel()
	everyFlow(t, func(t *testing.T, w *faultWorld, flow faultFlow) {
		t.Helper()
		trips := w.trips(t, flow)
		for trip := range trips {
			for _, mode := range pgfault.Modes() {
				fault := pgfault.Fault{Trip: trip + 1, Mode: mode}
				t.Run(fault.String(), func(t *testing.T) {
					t.Parallel()
					w.survive(t, flow, trips, fault)
				})
			}
		}
	})
}

// Two faults in one run: the second one strikes while the first one is being dealt with, or later. In its long form at every first trip.
func TestEveryTwoFaults(t *testing.T) {
	t.Parallel()
	everyFlow(t, func(t *testing.T, w *faultWorld, flow faultFlow) {
		t.Helper()
		trips := w.trips(t, flow)
		for _, first := range faultSample(len(trips), 10) {
			modes := pgfault.Modes()
			faults := []pgfault.Fault{{Trip: first, Mode: modes[rand.N(2)]}, {Trip: first + 1 + rand.N(12), Mode: modes[rand.N(2)]}}
			t.Run(fmt.Sprint(faults), func(t *testing.T) {
				t.Parallel()
				w.survive(t, flow, trips, faults...)
			})
		}
	})
}

// A process that is killed at every statement, and others that go on with its run. In its short form at some.
func TestEveryKill(t *testing.T) {
	t.Parallel()
	everyFlow(t, func(t *testing.T, w *faultWorld, flow faultFlow) {
		t.Helper()
		trips := w.trips(t, flow)
		for _, trip := range faultSample(len(trips), 5) {
			for _, mode := range pgfault.Modes() {
				fault := pgfault.Fault{Trip: trip, Mode: mode}
				t.Run(fault.String(), func(t *testing.T) {
					t.Parallel()
					key := "killed " + fault.String()
					faultChild{URL: w.url, Dir: w.dir, Flow: flow.name, Key: key, Fault: fault}.run(t)
					t.Log("killed:", trips[trip-1])
					result, err := w.complete(t.Context(), w.pool, key, flow)
					w.verify(t, key, flow, err)
					require.Equal(t, flow.result, string(result))
				})
			}
		}
	})
}

// faultSample is every trip in the long form, and otherwise some of them.
func faultSample(last, some int) []int {
	if os.Getenv("CONTRAIL_LONG") != "" {
		some = last
	}
	return pgfault.Sample(last, some)
}

// faultChild is a process that kills itself at a round trip.
type faultChild struct {
	URL, Dir, Flow, Key string
	Fault               pgfault.Fault
}

// run waits for the child's death.
func (c faultChild) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), faultPatience)
	defer cancel()
	told, err := json.Marshal(c)
	require.NoError(t, err)
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestFaultChild$", "-test.v")
	child.Env = append(os.Environ(), faultChildVariable+"="+string(told))
	said, err := child.CombinedOutput()
	require.ErrorContains(t, err, "killed", "it says: %s", said)
	require.NoError(t, ctx.Err(), "it was to kill itself; it says: %s", said)
}

// TestFaultChild is the child.
func TestFaultChild(t *testing.T) { //nolint:paralleltest // it is alone in its process
	told := os.Getenv(faultChildVariable)
	if told == "" {
		return
	}
	var c faultChild
	require.NoError(t, json.NewDecoder(strings.NewReader(told)).Decode(&c))
	c.Fault.Kill = pgfault.KillSelf
	w, err := openFaultWorld(t.Context(), c.URL, c.Dir)
	require.NoError(t, err)
	defer w.pool.Close()
	pool, _, err := pgfault.Open(t.Context(), c.URL, c.Fault)
	require.NoError(t, err)
	defer pool.Close()
	flow := faultFlows()[slices.IndexFunc(faultFlows(), func(f faultFlow) bool { return f.name == c.Flow })]
	_, err = w.complete(t.Context(), pool, c.Key, flow)
	require.NoError(t, err)
}
