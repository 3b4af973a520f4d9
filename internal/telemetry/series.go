package telemetry

import (
	"math"
	"sync"
)

// maxNames bounds the values of a label that names what users have named: durables, projections, consumers, workflows. The rest are told together.
const maxNames = 200

// otherName is the label of the rest.
const otherName = "other"

// names are the values of each label that were told so far: who came first keeps its own series for as long as the process runs. Two readers may
// ask at once: Prometheus, and who pushes.
type names struct {
	mu    sync.Mutex
	known map[string]map[string]bool // by label
}

func newNames() *names { return &names{known: map[string]map[string]bool{}} }

// of returns a value's own name, or that of the rest.
func (n *names) of(one label) label {
	if one.few {
		return one
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	known := n.known[one.key]
	if known == nil {
		known = map[string]bool{}
		n.known[one.key] = known
	}
	if !known[one.value] && len(known) >= maxNames {
		one.value = otherName
		return one
	}
	known[one.value] = true
	return one
}

// label is one of a series.
type label struct {
	key, value string
	few        bool // its values are our own, or streams: there are few
}

func stream(name string) label { return label{"stream", name, true} }
func state(name string) label  { return label{"state", name, true} }

// merge makes one value of those that are told together.
type merge func(a, b float64) float64

func sum(a, b float64) float64 { return a + b }

// least is for places: of several, the one that is the furthest behind says more than a sum.
func least(a, b float64) float64 { return math.Min(a, b) }

// most is for what is so or not.
func most(a, b float64) float64 { return math.Max(a, b) }

// series are the values of one figure, by their labels, at most two.
type series struct {
	names  *names
	merge  merge
	values map[[2]label]float64
}

func newSeries(names *names, merge merge) *series {
	return &series{names, merge, map[[2]label]float64{}}
}

// tell takes a value.
func (s *series) tell(value float64, labels ...label) {
	var key [2]label
	for i, one := range labels {
		key[i] = s.names.of(one)
	}
	if before, found := s.values[key]; found {
		value = s.merge(before, value)
	}
	s.values[key] = value
}
