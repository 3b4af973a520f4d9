package subscribers

// recentSize bounds the memory for handled events; an answer that was lost longer ago is found by the inbox only.
const recentSize = 8192

// recent remembers the sequences handled last, so that a redelivery whose acknowledgement was lost is not handled again, after its
// later siblings.
type recent struct {
	known map[uint64]struct{}
	order []uint64
	next  int
}

func (r *recent) has(sequence uint64) bool {
	_, found := r.known[sequence]
	return found
}

func (r *recent) add(sequence uint64) {
	if r.known == nil {
		r.known = make(map[uint64]struct{}, recentSize)
		r.order = make([]uint64, 0, recentSize)
	}
	if r.has(sequence) {
		return
	}
	r.known[sequence] = struct{}{}
	if len(r.order) < recentSize {
		r.order = append(r.order, sequence)
		return
	}
	delete(r.known, r.order[r.next])
	r.order[r.next] = sequence
	r.next = (r.next + 1) % recentSize
}

func (r *recent) clear() { *r = recent{} }
