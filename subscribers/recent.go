package subscribers

// recentSize bounds the memory for handled events; an answer that was lost longer ago is found by the inbox only.
const recentSize = 8192

// recent remembers the events handled last, so that a redelivery whose acknowledgement was lost is not handled again, after its
// later siblings.
type recent struct {
	known map[identity]struct{}
	order []identity
	next  int
}

func (r *recent) has(event identity) bool {
	_, found := r.known[event]
	return found
}

func (r *recent) add(event identity) {
	if r.known == nil {
		r.known = make(map[identity]struct{}, recentSize)
		r.order = make([]identity, 0, recentSize)
	}
	if r.has(event) {
		return
	}
	r.known[event] = struct{}{}
	if len(r.order) < recentSize {
		r.order = append(r.order, event)
		return
	}
	delete(r.known, r.order[r.next])
	r.order[r.next] = event
	r.next = (r.next + 1) % recentSize
}

func (r *recent) clear() { *r = recent{} }
