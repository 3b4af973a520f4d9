package publisher

import "github.com/contrail-events/contrail"

// MaxListed is how many positions a [Report] lists of each kind; the totals count all of them.
const MaxListed = 1000

// Report says how a stream compares with its store. Of the settled events each is either published, missing, parked, requeued or discarded.
type Report struct {
	Events     int64               `json:"events"`       // settled in the store when the comparison began
	Published  int64               `json:"published"`    // of these, in the stream
	Missing    []contrail.Position `json:"missing"`      // of these, neither in the stream nor left out on purpose; the first MaxListed
	Duplicates []contrail.Position `json:"duplicates"`   // in the stream more than once: each further message; the first MaxListed
	OutOfOrder int64               `json:"out_of_order"` // messages that stand behind one with a higher position, though not marked as resent
	OK         bool                `json:"ok"`           // each event once, in order and as the store has it, but for those discarded, and nothing else

	Altered         []contrail.Position `json:"altered"` // messages that don't say what the store's event says; the first MaxListed
	MissingTotal    int64               `json:"missing_total"`
	DuplicatesTotal int64               `json:"duplicates_total"`
	AlteredTotal    int64               `json:"altered_total"`

	Parked    int64 `json:"parked"`    // left out by the relay, and waiting for a person; those held behind them included
	Requeued  int64 `json:"requeued"`  // left out, and asked for: the relay will publish them at the stream's end
	Discarded int64 `json:"discarded"` // left out for good, as a person has decided, which is no fault

	Resent  int64 `json:"resent"`  // messages that are marked as published out of their order: requeued and repaired ones, which is no fault
	Foreign int64 `json:"foreign"` // messages that are not events of this store, which is a fault unless VerifyConfig.Shared
	Unknown int64 `json:"unknown"` // of these, messages that bear this store's source all the same: it was set back. Always a fault
}

// isFaultless tells whether the stream is what it should be.
func (r Report) isFaultless(shared bool) bool {
	faults := r.MissingTotal + r.DuplicatesTotal + r.AlteredTotal + r.OutOfOrder + r.Parked + r.Requeued + r.Unknown
	if !shared {
		faults += r.Foreign
	}
	return faults == 0
}

// note counts a position, and lists it if it is one of the first.
func note(listed *[]contrail.Position, total *int64, position contrail.Position) {
	*total++
	if len(*listed) < MaxListed {
		*listed = append(*listed, position)
	}
}
