package codec

import "fmt"

// registry gathers what New is given, and all that is wrong with it.
type registry struct {
	lineages map[string]*lineage
	faults   []error
}

// fault notes what is wrong with a registration, which is named as it is written.
func (r *registry) fault(subject, reason string) {
	r.faults = append(r.faults, fmt.Errorf("%s: %s", subject, reason))
}

// faultIf notes a reason unless it is "".
func (r *registry) faultIf(subject, reason string) {
	if reason != "" {
		r.fault(subject, reason)
	}
}

func (r *registry) lineage(name string) *lineage {
	found := r.lineages[name]
	if found == nil {
		found = &lineage{upcasters: map[int]upcaster{}}
		r.lineages[name] = found
	}
	return found
}

func (r *registry) addType(subject, name string, schema int, today *payload) {
	r.faultIf(subject, checkName(name))
	if schema < 1 {
		r.fault(subject, fmt.Sprintf("its schema is %d: the first one is 1", schema))
		schema = 1
	}
	found := r.lineage(name)
	if found.payload != nil {
		r.fault(subject, fmt.Sprintf("event type %q is registered as %s already", name, found.payload.goType))
		return
	}
	found.payload, found.newest = today, schema
}

func (r *registry) addUpcaster(subject string, from Form, added upcaster) {
	r.faultIf(subject, checkName(from.Type))
	if from.Schema < 1 {
		r.fault(subject, fmt.Sprintf("its schema is %d: the first one is 1", from.Schema))
		return
	}
	found := r.lineage(from.Type)
	if _, twice := found.upcasters[from.Schema]; twice {
		r.fault(subject, "is registered twice")
		return
	}
	found.upcasters[from.Schema] = added
}
