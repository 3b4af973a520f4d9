package subscribers

import (
	"cmp"
	"slices"
	"time"
)

// roster is what a member knows of the others: who is there, and who holds what. It decides what the member should hold; every member decides by the
// same rules, and of two that decide differently, since one of them knows more, the broker lets one write.
type roster struct {
	own     string
	members map[string]*sighting
	owners  []holding // by partition
}

// sighting is how a member was seen last.
type sighting struct {
	at      time.Time
	leaving bool // it takes no partitions any more
}

// holding is who holds a partition, as it is written.
type holding struct {
	ownerRecord

	revision uint64
}

func newRoster(own string, partitions int) *roster {
	return &roster{own: own, members: map[string]*sighting{}, owners: make([]holding, partitions)}
}

// see notes that a member was there at a time.
func (r *roster) see(id string, leaving bool, at time.Time) {
	r.members[id] = &sighting{at: at, leaving: leaving}
}

// lose notes that a member is gone.
func (r *roster) lose(id string) { delete(r.members, id) }

// hear notes that a renewal of our own, which was sent at a time, has come back from the broker. All that others have sent before has come, too: so who
// was last seen a lease before that has not renewed it. It returns those.
//
// A clock alone would not do: a member that does not hear the broker would take all others for dead.
func (r *roster) hear(sent time.Time, lease time.Duration) (gone []string) {
	for id, seen := range r.members {
		if id != r.own && !seen.at.Add(lease).After(sent) {
			gone = append(gone, id)
			delete(r.members, id)
		}
	}
	return gone
}

// write notes who holds a partition. What is older than what is known is of no interest.
func (r *roster) write(partition int, owner ownerRecord, revision uint64) {
	if partition < len(r.owners) && revision > r.owners[partition].revision {
		r.owners[partition] = holding{owner, revision}
	}
}

// shares is how many partitions each member should hold: as many as any other, or one more. Who has more already keeps the one more, so that
// few change hands.
func (r *roster) shares() map[string]int {
	held := map[string]int{}
	for _, owner := range r.owners {
		held[owner.Member]++
	}
	var ids []string
	for id, seen := range r.members {
		if !seen.leaving {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Or(cmp.Compare(held[b], held[a]), cmp.Compare(a, b)) })
	shares := make(map[string]int, len(ids))
	for i, id := range ids {
		shares[id] = (len(r.owners) - i + len(ids) - 1) / len(ids)
	}
	return shares
}

// share is how many partitions we should hold.
func (r *roster) share() int { return r.shares()[r.own] }

// free tells whether nobody is there who holds a partition. Inherited: its last owner has not given it back, and may still have events in hand.
func (r *roster) free(partition int) (free, inherited bool) {
	owner := r.owners[partition].Member
	if owner == "" {
		return true, false
	}
	_, present := r.members[owner]
	return !present, true
}
