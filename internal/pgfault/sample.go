package pgfault

import (
	"math/rand/v2"
	"slices"
)

// Sample returns so many of the trips 1 to last, or all if there are no more, in ascending order: other ones each time.
func Sample(last, some int) []int {
	trips := rand.Perm(last)[:min(some, last)] //nolint:gosec // no secret
	for i := range trips {
		trips[i]++
	}
	slices.Sort(trips)
	return trips
}
