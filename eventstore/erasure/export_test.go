package erasure

import "time"

// SetClock makes now the time.
func (k *Keys) SetClock(now func() time.Time) { k.now = now }

// Cached is how many keys are kept.
func (k *Keys) Cached() int {
	k.cache.mu.Lock()
	defer k.cache.mu.Unlock()
	return len(k.cache.known)
}

// SubjectsPage is how many subjects are read at a time.
const SubjectsPage = subjectsPage
