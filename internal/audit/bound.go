package audit

import (
	"fmt"
	"slices"
)

// MostResults is how many results an entry keeps.
const MostResults = 2000

// bounded are the results that are kept, in their order, and the count of those that are left out.
func bounded(results []Result) []Result {
	if len(results) <= MostResults {
		return results
	}
	kept, room, left := make([]Result, 0, MostResults+1), MostResults, map[Outcome]int{}
	for _, wanted := range []bool{true, false} { // those that an operator has to look after come first
		for i, result := range results {
			if (result.Outcome != Done) != wanted {
				continue
			}
			if room == 0 {
				left[result.Outcome]++
				continue
			}
			kept, room = append(kept, results[i]), room-1
		}
	}
	for _, outcome := range []Outcome{Done, Pending, Partial, Refused, Failed, Begun} {
		if left[outcome] > 0 {
			kept = append(kept, Result{What: fmt.Sprintf("%d more", left[outcome]), Outcome: outcome, Detail: "not kept one by one"})
		}
	}
	return slices.Clip(kept)
}
